//! What the kernel holds a container to, whatever the engine says of it.

use std::{env, fs, path::PathBuf};

/// What its control groups allow.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) memory: u64,
    pub(crate) memory_and_swap: u64,
    pub(crate) milli_cpus: u64,
    pub(crate) pids: u64,
}

impl Limits {
    /// As a tier has them: no swap.
    pub(crate) const fn tier(memory_mib: u64, milli_cpus: u64, pids: u64) -> Self {
        Limits { memory: memory_mib << 20, memory_and_swap: memory_mib << 20, milli_cpus, pids }
    }

    /// Of the container with this id, which runs.
    pub(crate) fn of(id: &str) -> Self {
        let pid = *processes(id).first().unwrap_or_else(|| panic!("no process is in a control group of {id}"));
        let (memory, cpu, pids) = (Group::of(pid, "memory"), Group::of(pid, "cpu"), Group::of(pid, "pids"));
        let (ram, with_swap) = if memory.unified {
            let ram = memory.number("memory.max");
            (ram, ram + memory.number("memory.swap.max"))
        } else {
            (memory.number("memory.limit_in_bytes"), memory.number("memory.memsw.limit_in_bytes"))
        };
        let (quota, period) = if cpu.unified {
            let said = cpu.read("cpu.max");
            let (quota, period) = said.split_once(' ').unwrap();
            (quota.parse().unwrap(), period.parse().unwrap())
        } else {
            (cpu.number("cpu.cfs_quota_us"), cpu.number("cpu.cfs_period_us"))
        };
        Limits {
            memory: ram,
            memory_and_swap: with_swap,
            milli_cpus: quota * 1000 / period,
            pids: pids.number("pids.max"),
        }
    }
}

/// The processes in a container's control groups, as they are numbered out here.
pub(crate) fn processes(id: &str) -> Vec<u32> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers
        .filter(|pid| fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|text| text.contains(id)))
        .collect()
}

/// A control group of one controller, as a folder.
struct Group {
    folder: PathBuf,
    /// Of the second version, which has one folder for all controllers.
    unified: bool,
}

impl Group {
    fn of(pid: u32, controller: &str) -> Self {
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
        let entries: Vec<[&str; 3]> =
            groups.lines().map(|line| line.splitn(3, ':').collect::<Vec<_>>().try_into().unwrap()).collect();
        let of_its_own = entries.iter().find(|[_, names, _]| names.split(',').any(|name| name == controller));
        let unified = of_its_own.is_none();
        let [_, _, path] = of_its_own.or_else(|| entries.iter().find(|[number, ..]| *number == "0")).unwrap();
        // The engine's view of the mounts: ours may have none of them.
        let engine = env::var("ROCKY_ENGINE_PID").unwrap();
        let mounts = fs::read_to_string(format!("/proc/{engine}/mountinfo")).unwrap();
        let mount = mounts.lines().find_map(|line| {
            let (mount, of) = line.split_once(" - ")?;
            let (mount, of): (Vec<&str>, Vec<&str>) = (mount.split(' ').collect(), of.split(' ').collect());
            let is_it = match unified {
                true => of[0] == "cgroup2",
                false => of[0] == "cgroup" && of[2].split(',').any(|name| name == controller),
            };
            is_it.then(|| (mount[3], mount[4]))
        });
        let (root, at) = mount.unwrap_or_else(|| panic!("{controller} is mounted nowhere"));
        let below = path.strip_prefix(root.trim_end_matches('/')).unwrap_or(path).trim_start_matches('/');
        Group { folder: PathBuf::from(format!("/proc/{engine}/root{at}")).join(below), unified }
    }

    fn read(&self, file: &str) -> String {
        let path = self.folder.join(file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).trim().to_owned()
    }

    fn number(&self, file: &str) -> u64 {
        let said = self.read(file);
        said.parse().unwrap_or_else(|_| panic!("{file} is no limit: {said}"))
    }
}
