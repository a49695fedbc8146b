//! A disk that can be full.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::temp::TempDir;

/// A small file system of its own. Mounting needs a privilege that some containers do not have.
#[derive(Debug)]
pub(crate) struct Disk(TempDir);

impl Disk {
    /// With a size as in `mount -o size=`.
    pub(crate) fn mount(size: &str) -> Option<Self> {
        let directory = TempDir::new();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"]).arg(directory.path());
        mount.status().is_ok_and(|status| status.success()).then(|| Self(directory))
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    fn filler(&self) -> PathBuf {
        self.0.path().join("filler")
    }

    /// Takes all space that is left.
    pub(crate) fn fill(&self) {
        let file = fs::File::create(self.filler()).expect("a file");
        let mut written = 0;
        while std::os::unix::fs::FileExt::write_at(&file, &[1; 512], written).is_ok() {
            written += 512;
        }
    }

    /// Gives it back.
    pub(crate) fn clear(&self) {
        fs::remove_file(self.filler()).expect("the filler");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}
