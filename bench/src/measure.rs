//! Clocks and memory, as Linux tells them. Where the system does not tell, they say 0.
//!
//! Processor time is what benchmarks compare: other processes disturb it less than the clock on the wall.

use std::fs;

/// Nanoseconds of processor time that the calling thread has used.
#[must_use]
pub fn cpu_ns() -> u64 {
    // The kernel brings the figure up to date at its ticks, every 4 ms, and when a thread gives its turn away.
    std::thread::yield_now();
    schedule(0)
}

/// Milliseconds of processor time of all threads, those that have ended too, in steps of 10.
#[must_use]
pub fn process_cpu_ms() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name of the program, user and system time are the 12th and 13th field, in ticks of 10 ms.
    let (_, fields) = stat.rsplit_once(')').unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks = ticks.filter_map(|ticks| ticks.parse::<u64>().ok());
    ticks.sum::<u64>() * 10
}

/// How often the calling thread was given a processor. What was measured while it did not change was not interrupted.
#[must_use]
pub fn turns() -> u64 {
    schedule(2)
}

fn schedule(field: usize) -> u64 {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let told = told.split_whitespace().nth(field);
    told.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Nanoseconds since the first call, by the clock on the wall: a pause has no processor time.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures time, and nothing that is measured reads it"
)]
pub fn wall_ns() -> u64 {
    use std::sync::OnceLock;
    use std::time::Instant;
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    let since = BEGAN.get_or_init(Instant::now).elapsed();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Bytes of memory that the process has now.
#[must_use]
pub fn resident_bytes() -> usize {
    status_kib("VmRSS:") << 10
}

/// MiB that the process had at most since it began, or since something wrote to `/proc/self/clear_refs`.
#[must_use]
pub fn peak_mib() -> usize {
    status_kib("VmHWM:") >> 10
}

fn status_kib(field: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}

/// Numbers of a command line by position: as many as there are defaults, which stand in for those that are missing.
///
/// # Errors
/// The argument that is no number, or that nobody asked for.
pub fn numbers<const N: usize>(
    arguments: &[String],
    defaults: [usize; N],
) -> Result<[usize; N], String> {
    let mut numbers = defaults;
    if let Some(surplus) = arguments.get(N) {
        return Err(format!(
            "`{surplus}`: one argument too many, {N} are understood"
        ));
    }
    for (number, argument) in numbers.iter_mut().zip(arguments) {
        let Ok(parsed) = argument.parse() else {
            return Err(format!("`{argument}` is not a number"));
        };
        *number = parsed;
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_in_for_what_is_missing_and_refuse_what_they_do_not_know() {
        let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        assert_eq!(numbers(&words("7"), [1, 2]), Ok([7, 2]));
        assert_eq!(
            numbers(&words("7 x"), [1, 2]),
            Err("`x` is not a number".to_owned())
        );
        assert!(numbers(&words("7 8 9"), [1, 2]).is_err());
    }
}
