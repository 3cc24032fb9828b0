//! CPU time of another process, in nanoseconds, summed over its threads.
//!
//! `/proc/PID/task/TID/schedstat` counts what the scheduler gave a thread, where `/proc/PID/stat` counts ticks.

use std::fs;
use std::io::Result;

/// What the process has used so far; threads that ended since are not in it.
///
/// # Errors
/// When the process does not exist.
pub(crate) fn used_ns(pid: u32) -> Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        sum += text.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(sum)
}
