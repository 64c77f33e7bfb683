//! How much memory is free for this process. On the machine: the least of what the kernel says is
//! available and what the limits of its control groups leave; on a GPU: what its driver says.

use std::path::{Path, PathBuf};

use companion_engine::Gpu;

/// Measures free memory.
pub(crate) trait FreeMemory: Send + Sync {
    /// Bytes that may be taken without anything being swapped or killed; `None` when nobody knows.
    fn free(&self) -> Option<usize>;
}

/// Of the machine.
#[derive(Debug, Clone)]
pub(crate) struct MachineMemory {
    proc: PathBuf,
    groups: PathBuf,
}

impl Default for MachineMemory {
    fn default() -> Self {
        Self { proc: "/proc".into(), groups: "/sys/fs/cgroup".into() }
    }
}

/// Of a GPU.
#[derive(Debug, Clone)]
pub(crate) struct GpuMemory(pub(crate) Gpu);

impl FreeMemory for GpuMemory {
    fn free(&self) -> Option<usize> {
        self.0.memory().ok().map(|memory| memory.free)
    }
}

/// `MemAvailable` of `/proc/meminfo` (proc_meminfo(5)), bytes.
fn available(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The group's path in the unified hierarchy (cgroups(7)): the line `0::PATH`.
fn group(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("0::/"))
}

fn number(file: &Path) -> Option<usize> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// What `memory.max` of one group leaves; file pages that nobody needs count as free
/// (`inactive_file` of memory.stat, cgroup-v2.rst). `None` without a limit.
fn left(group: &Path) -> Option<usize> {
    let limit = number(&group.join("memory.max"))?;
    let used = number(&group.join("memory.current"))?;
    let stat = std::fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    let cold = stat.lines().find_map(|line| line.strip_prefix("inactive_file "));
    let cold = cold.and_then(|bytes| bytes.parse().ok()).unwrap_or(0);
    Some(limit.saturating_sub(used.saturating_sub(cold)))
}

impl FreeMemory for MachineMemory {
    fn free(&self) -> Option<usize> {
        let meminfo = std::fs::read_to_string(self.proc.join("meminfo")).ok();
        let mut free = meminfo.as_deref().and_then(available);
        let own = std::fs::read_to_string(self.proc.join("self/cgroup")).unwrap_or_default();
        if let Some(own) = group(&own) {
            let own = self.groups.join(own);
            for group in own.ancestors().take_while(|group| group.starts_with(&self.groups)) {
                free = [free, left(group)].into_iter().flatten().min();
            }
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(folder: &Path, meminfo: &str, limits: &[(&str, &str, &str)]) -> MachineMemory {
        let (proc, groups) = (folder.join("proc"), folder.join("cgroup"));
        std::fs::create_dir_all(proc.join("self")).unwrap();
        std::fs::write(proc.join("meminfo"), meminfo).unwrap();
        std::fs::write(proc.join("self/cgroup"), "0::/system.slice/companiond.service\n").unwrap();
        for (group, limit, used) in limits {
            let group = groups.join(group);
            std::fs::create_dir_all(&group).unwrap();
            std::fs::write(group.join("memory.max"), limit).unwrap();
            std::fs::write(group.join("memory.current"), used).unwrap();
            std::fs::write(group.join("memory.stat"), "anon 1\ninactive_file 500\n").unwrap();
        }
        MachineMemory { proc, groups }
    }

    #[test]
    fn the_kernels_figure_counts_where_no_limit_is_set() {
        let folder = tempfile::tempdir().unwrap();
        let service = ("system.slice/companiond.service", "max\n", "100\n");
        let memory = machine(folder.path(), "MemTotal: 9 kB\nMemAvailable:  4 kB\n", &[service]);
        assert_eq!(memory.free(), Some(4096));
    }

    #[test]
    fn the_tightest_limit_of_the_groups_counts_and_cold_file_pages_are_free() {
        let folder = tempfile::tempdir().unwrap();
        let groups = [
            ("system.slice/companiond.service", "9000\n", "1500\n"),
            ("system.slice", "5000", "4000"),
        ];
        let memory = machine(folder.path(), "MemAvailable:  400 kB\n", &groups);
        assert_eq!(memory.free(), Some(1500));
    }

    #[test]
    fn nobody_knows_without_the_kernels_files() {
        let nowhere = MachineMemory { proc: "/nowhere".into(), groups: "/nowhere".into() };
        assert_eq!(nowhere.free(), None);
    }

    #[test]
    fn this_machine_has_some() {
        assert!(MachineMemory::default().free().is_some_and(|bytes| bytes > 0));
    }
}
