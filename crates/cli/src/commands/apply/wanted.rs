use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

/// What a file asks for, whatever its shape was.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// The resources, in the order they are written.
    pub(super) resources: Vec<WantedResource>,
    /// Which lists the file is the whole truth about: only there does pruning delete.
    pub(super) scopes: BTreeSet<(String, Kind)>,
    /// The system the file was written for, when it is another one; pruning then leaves alone what did not come from there.
    pub(super) imported_from: Option<&'static str>,
    /// What could not be carried over exactly.
    pub(super) notes: Vec<String>,
}

/// One resource as it should be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WantedResource {
    pub(super) kind: Kind,
    /// Where it stands in the file, for messages.
    pub(super) place: String,
    pub(super) tenant: String,
    /// What it is recognised by, together with kind and tenant.
    pub(super) name: String,
    /// Members by the names of the API; what is not named is left as it is.
    pub(super) body: Map<String, Value>,
}

/// The kinds of resources, in the order in which they are created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Domain,
    Configuration,
    Subscription,
}

impl Kind {
    /// The member that names one.
    pub(super) fn name_member(self) -> &'static str {
        if self == Self::Domain { "domain" } else { "name" }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Domain => "domain",
            Self::Configuration => "configuration",
            Self::Subscription => "subscription",
        })
    }
}

/// Metadata member that names the system a resource was imported from.
pub(super) const IMPORTED_FROM: &str = "importedFrom";
/// Metadata member that holds together what was one thing there.
pub(super) const GROUP: &str = "group";
