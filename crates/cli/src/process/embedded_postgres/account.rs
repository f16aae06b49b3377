use std::{
    io,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::Command,
};

use nix::unistd::{Uid, User, geteuid};

use super::error::{Doing, EmbeddedPostgresError};

/// The user PostgreSQL runs as: ourselves, or, because it refuses root, an unprivileged user when we are root.
#[derive(Debug, Clone)]
pub(super) struct Account {
    name: String,
    uid: u32,
    gid: u32,
    differs_from_ours: bool,
}

impl Account {
    pub(super) fn choose() -> Result<Self, EmbeddedPostgresError> {
        let own = geteuid();
        if !own.is_root() {
            let user = lookup(User::from_uid(own))?;
            return user
                .map(|user| Self::from_user(user, own))
                .ok_or(EmbeddedPostgresError::NoPasswdEntry { uid: own.as_raw() });
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = lookup(User::from_name(name))? {
                return Ok(Self::from_user(user, own));
            }
        }
        Err(EmbeddedPostgresError::NoUnprivilegedUser)
    }

    fn from_user(user: User, own: Uid) -> Self {
        Self {
            differs_from_ours: user.uid != own,
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
        }
    }

    /// Makes the child run as this account; std drops the supplementary groups with it.
    pub(super) fn apply(&self, command: &mut Command) {
        if self.differs_from_ours {
            command.uid(self.uid).gid(self.gid);
        }
    }

    pub(super) fn own(&self, path: &Path) -> Result<(), EmbeddedPostgresError> {
        if !self.differs_from_ours {
            return Ok(());
        }
        chown(path, Some(self.uid), Some(self.gid))
            .doing(|| format!("giving {} to `{}`", path.display(), self.name))
    }

    /// Whether `path` is a real folder (no symlink) of this account.
    pub(super) fn owns_folder(&self, path: &Path) -> io::Result<bool> {
        let meta = path.symlink_metadata()?;
        Ok(meta.is_dir() && meta.uid() == self.uid)
    }

    /// Refuses an absolute path below a folder that this account may not enter, such as anything in /root.
    pub(super) fn check_reach(&self, folder: &Path) -> Result<(), EmbeddedPostgresError> {
        if !self.differs_from_ours {
            return Ok(());
        }
        for ancestor in folder.ancestors() {
            // What does not exist yet will be made by us, passable.
            let Ok(meta) = ancestor.metadata() else { continue };
            let mode = meta.permissions().mode();
            let may_enter = match (meta.uid() == self.uid, meta.gid() == self.gid) {
                (true, _) => mode & 0o100 != 0,
                (false, true) => mode & 0o010 != 0,
                (false, false) => mode & 0o001 != 0,
            };
            if !may_enter {
                return Err(EmbeddedPostgresError::Unreachable {
                    user: self.name.clone(),
                    obstacle: ancestor.to_path_buf(),
                });
            }
        }
        Ok(())
    }

    pub(super) fn uid(&self) -> u32 {
        self.uid
    }

    pub(super) fn differs_from_ours(&self) -> bool {
        self.differs_from_ours
    }
}

fn lookup(found: nix::Result<Option<User>>) -> Result<Option<User>, EmbeddedPostgresError> {
    found.map_err(io::Error::from).doing(|| "reading the password database".to_owned())
}
