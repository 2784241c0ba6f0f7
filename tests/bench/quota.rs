//! The share of a processor that Lambda gives with a memory size, given by a control group of Linux.
//!
//! A function with fewer megabytes than [`WHOLE`] may use that much less of every period and then has to wait for the next one.
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>

use std::{
    fs,
    path::{Path, PathBuf},
    process,
};

use anyhow::{Context as _, bail};

/// Megabytes that come with one whole processor.
const WHOLE: u32 = 1769;
/// The period over which a share is reckoned, in microseconds; AWS does not tell its own, people have measured this one.
const PERIOD: u32 = 20_000;
/// Where Linux has its control groups: of the second version, or of the first with a folder for processors.
const GROUPS: &str = "/sys/fs/cgroup";

/// A control group; it ends with this value.
pub struct Quota {
    folder: PathBuf,
    is_second_version: bool,
}

impl Quota {
    /// Makes one.
    ///
    /// # Errors
    /// Where there are no control groups, or no right to make one.
    pub fn new() -> anyhow::Result<Self> {
        let groups = Path::new(GROUPS);
        let is_second_version = groups.join("cgroup.subtree_control").exists();
        let parent = if is_second_version { groups.to_owned() } else { groups.join("cpu") };
        let folder = parent.join(format!("whatsapp-endpoint-bench-{}", process::id()));
        fs::create_dir(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let quota = Self { folder, is_second_version };
        if is_second_version {
            fs::write(groups.join("cgroup.subtree_control"), "+cpu")?;
        } else if !quota.folder.join("cpu.cfs_quota_us").exists() {
            bail!("{} is no control group for processors", quota.folder.display());
        }
        Ok(quota)
    }

    /// From now on its processes get what comes with so many megabytes.
    pub fn set(&self, megabytes: u32) -> anyhow::Result<()> {
        let share = PERIOD * megabytes.min(WHOLE) / WHOLE;
        if self.is_second_version {
            self.write("cpu.max", &format!("{share} {PERIOD}"))
        } else {
            self.write("cpu.cfs_period_us", &PERIOD.to_string())?;
            self.write("cpu.cfs_quota_us", &share.to_string())
        }
    }

    /// Takes a process in.
    pub fn hold(&self, process: u32) -> anyhow::Result<()> {
        self.write("cgroup.procs", &process.to_string())
    }

    fn write(&self, file: &str, value: &str) -> anyhow::Result<()> {
        let path = self.folder.join(file);
        fs::write(&path, value).with_context(|| format!("{} does not take {value}", path.display()))
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir(&self.folder) {
            eprintln!("{} is left behind: {error}", self.folder.display());
        }
    }
}
