//! Folders for stores that no run outlives.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The folders of this process that exist.
static EXISTING: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A temporary folder that several processes may use in turn; dropping this removes it.
#[derive(Debug)]
pub struct ScratchFolder(PathBuf);

impl ScratchFolder {
    /// Makes one in `TMPDIR` or `/var/tmp`: on a disk rather than in memory, where syncing would cost nothing and mean
    /// nothing. Only its owner may read it.
    pub fn new() -> io::Result<Self> {
        let chosen = std::env::var_os("TMPDIR").map(PathBuf::from);
        let disk = || Some(Path::new("/var/tmp").to_owned()).filter(|path| path.is_dir());
        let base = chosen.or_else(disk).unwrap_or_else(std::env::temp_dir);
        let path = base.join(format!("tidings-{}-{}", std::process::id(), crate::clock::now()));
        let mut existing = EXISTING.lock().unwrap_or_else(PoisonError::into_inner);
        // One that exists is somebody else's.
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("{}: {error}; set TMPDIR to a folder on a disk", path.display()),
            )
        })?;
        existing.insert(path.clone());
        Ok(Self(path))
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Removes all that exist, for a process that ends without dropping them.
    pub fn remove_all() {
        let existing = EXISTING.lock().unwrap_or_else(PoisonError::into_inner);
        for path in &*existing {
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        let mut existing = EXISTING.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = std::fs::remove_dir_all(&self.0);
        existing.remove(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_scratch_folder_is_private_and_removed_on_drop() {
        let [one, other] = [(); 2].map(|()| ScratchFolder::new().unwrap());
        assert_ne!(one.path(), other.path());
        assert_eq!(one.path().metadata().unwrap().permissions().mode() & 0o777, 0o700);
        std::fs::write(one.path().join("outbox.redb"), "held").unwrap();
        let (gone, kept) = (one.path().to_owned(), other.path().to_owned());
        drop(one);
        assert!(!gone.exists() && kept.exists());
        ScratchFolder::remove_all();
        assert!(!kept.exists());
    }
}
