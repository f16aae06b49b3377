//! Enums of the contract: a fixed set of upper-case names, the same in JSON, the database and logs.

/// An enum whose values have fixed names.
pub trait NamedEnum: Copy + 'static {
    /// Every value with its name, in the contract's order.
    const ALL: &'static [(&'static str, Self)];

    /// The value of that name, case-sensitive.
    #[must_use]
    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// The allowed names, for a message: `A, B, C`.
    #[must_use]
    fn allowed_names() -> String {
        let names: Vec<&str> = Self::ALL.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }
}

/// The text is none of the enum's names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rejected:?} is not one of {allowed}")]
pub struct UnknownName {
    /// The refused text.
    pub rejected: String,
    /// The allowed names, separated by commas.
    pub allowed: String,
}

/// Declares an enum with its names: serde, `as_str`, `Display`, `FromStr` and [`NamedEnum`].
///
/// The names are taken as plain tokens: as literals they would reach the derive of the OpenAPI schema in a group it does not
/// look into, and the document would show the variants' names instead.
macro_rules! named_enum {
    ($(#[$meta:meta])* pub enum $name:ident {
        $($(#[$variant_meta:meta])* $variant:ident = $text:tt),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// The value's name in JSON, the database and logs.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl $crate::named_enum::NamedEnum for $name {
            const ALL: &'static [(&'static str, Self)] = &[$(($text, Self::$variant)),+];
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::named_enum::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                use $crate::named_enum::NamedEnum as _;
                Self::from_name(text).ok_or_else(|| $crate::named_enum::UnknownName {
                    rejected: text.to_owned(),
                    allowed: Self::allowed_names(),
                })
            }
        }
    };
}

pub(crate) use named_enum;
