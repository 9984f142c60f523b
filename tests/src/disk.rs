//! A small disk of its own: a file system in a file, mounted over a loop device.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::asked::Missing;

/// A mounted ext4. Dropping it unmounts it and removes it.
#[derive(Debug)]
pub struct Disk {
    place: TempDir,
}

impl Disk {
    /// A disk of this many MiB, empty.
    ///
    /// # Errors
    /// This machine has no mkfs.ext4 or does not let this process mount anything.
    pub fn new(mib: u64) -> io::Result<Self> {
        let place = TempDir::new()?;
        let image = place.path().join("image");
        File::create(&image)?.set_len(mib << 20)?;
        run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(&image))?;
        let disk = Self { place };
        fs::create_dir(disk.path())?;
        run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(disk.path()))?;
        Ok(disk)
    }

    /// Why there can be none here, if there can be none.
    #[must_use]
    pub fn is_missing() -> Option<Missing> {
        let error = Self::new(8).err()?;
        Some(Missing { what: error.to_string(), is_permitted: may_mount() })
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.place.path().join("mounted")
    }

    /// A place beside the disk, for what must not be on it.
    #[must_use]
    pub fn beside(&self) -> &Path {
        self.place.path()
    }

    /// Fills it up to its last byte. Gives room again with [`make_room`](Self::make_room).
    ///
    /// # Errors
    /// Anything but a full disk.
    pub fn fill(&self) -> io::Result<()> {
        let mut ballast = File::options().create(true).append(true).open(self.ballast())?;
        for piece in [vec![1; 1 << 20], vec![1; 4096]] {
            loop {
                match ballast.write_all(&piece) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                    Err(error) => return Err(error),
                }
            }
        }
        ballast.sync_all()
    }

    /// Fills it until this many MiB are left, at most.
    ///
    /// # Errors
    /// The disk does.
    pub fn leave(&self, mib: u64) -> io::Result<()> {
        let mut ballast = File::options().create(true).append(true).open(self.ballast())?;
        // Whoever else writes there meanwhile leaves a little less.
        for _ in 0..self.free()?.saturating_sub(mib << 20).div_ceil(1 << 20) {
            ballast.write_all(&vec![1; 1 << 20])?;
        }
        ballast.sync_all()
    }

    /// Takes away what [`fill`](Self::fill) and [`leave`](Self::leave) put there.
    ///
    /// # Errors
    /// The disk does.
    pub fn make_room(&self) -> io::Result<()> {
        fs::remove_file(self.ballast())
    }

    /// Bytes that are free.
    ///
    /// # Errors
    /// `df` does not say.
    pub fn free(&self) -> io::Result<u64> {
        let said = Command::new("df").args(["--output=avail", "-B1"]).arg(self.path()).output()?;
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        let free = text.lines().nth(1).and_then(|line| line.trim().parse().ok());
        free.ok_or_else(|| io::Error::other(format!("df says {text:?}")))
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whoever had it open has just been told to end; what never was mounted need not be unmounted.
        for _ in 0..100 {
            let unmounted = Command::new("umount").arg(self.path()).stderr(Stdio::null()).status();
            if unmounted.is_ok_and(|status| status.success()) || !self.path().join("lost+found").exists() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Whether this process may mount (`CAP_SYS_ADMIN`, the 21st of the capabilities) and has loop devices to mount from.
fn may_mount() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or_default();
    effective & (1 << 21) != 0 && run(Command::new("losetup").arg("--find")).is_ok()
}

fn run(command: &mut Command) -> io::Result<()> {
    let ran = command.stdin(Stdio::null()).output()?;
    if ran.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
    Err(io::Error::other(format!("{}: {why}", command.get_program().display())))
}
