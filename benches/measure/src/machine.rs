use std::fs;
use std::path::Path;
use std::thread;

use serde::Serialize;

/// The machine that was measured, as far as it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// How many threads run at a time.
    pub cores: usize,
    /// The processor's own name; `unknown` where the system does not tell.
    pub cpu: String,
    /// The operating system and the architecture.
    pub system: String,
    /// The kernel's version; `unknown` where the system does not tell.
    pub kernel: String,
    /// The file system measured on; `unknown` where the system does not tell.
    pub file_system: String,
}

impl Machine {
    /// This machine, with the file system that holds `dir`.
    #[must_use]
    pub fn this(dir: &Path) -> Self {
        let unknown = || "unknown".to_owned();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").ok();
        Self {
            cores: cores(),
            cpu: cpu().unwrap_or_else(unknown),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            kernel: kernel.map_or_else(unknown, |text| text.trim().to_owned()),
            file_system: file_system(dir).unwrap_or_else(unknown),
        }
    }

    /// Whether what is written here is on no disk.
    #[must_use]
    pub fn is_memory(&self) -> bool {
        matches!(self.file_system.as_str(), "tmpfs" | "ramfs" | "devtmpfs")
    }
}

/// How many threads run at a time.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The memory that this process has in use, in bytes; `None` where the system does not tell.
pub(crate) fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

fn cpu() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn file_system(dir: &Path) -> Option<String> {
    let dir = dir.canonicalize().ok()?;
    kind_of(&fs::read_to_string("/proc/self/mountinfo").ok()?, &dir)
}

/// The file system of the longest mount point above `dir`; of two at the same point the later one hides the earlier one.
/// The format is that of proc(5): the mount point is the fifth word, the kind the first after a lone `-`.
fn kind_of(mounts: &str, dir: &Path) -> Option<String> {
    let mounts = mounts.lines().filter_map(|line| {
        let (mount, rest) = line.split_once(" - ")?;
        let point = mount.split(' ').nth(4)?.replace("\\040", " ");
        let kind = rest.split(' ').next()?;
        dir.starts_with(&point).then(|| (point.len(), kind.to_owned()))
    });
    mounts.max_by_key(|(length, _)| *length).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_measured_in_memory_is_not_taken_for_one_of_a_disk() {
        let mounts = "\
            22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
            23 22 0:21 / /dev/shm rw shared:2 - tmpfs tmpfs rw\n\
            24 22 0:22 / /mnt/a\\040disk rw shared:3 master:1 - xfs /dev/vdb rw\n\
            25 22 0:23 / /data rw - tmpfs tmpfs rw\n\
            26 25 0:24 / /data rw - btrfs /dev/vdc rw\n";
        for (dir, kind) in [
            ("/home", "ext4"),
            ("/dev/shm/x", "tmpfs"),
            ("/dev/shmoo", "ext4"),
            ("/mnt/a disk/x", "xfs"),
            ("/data/x", "btrfs"),
        ] {
            assert_eq!(kind_of(mounts, Path::new(dir)).as_deref(), Some(kind), "{dir}");
        }
        assert_eq!(kind_of("", Path::new("/")), None);
    }
}
