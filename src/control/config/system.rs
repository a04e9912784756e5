//! COLD: users and groups of this machine, as far as /etc says.
//!
//! Directory services (LDAP, SSSD) are deliberately not asked: a start must not wait for a network. A user known
//! only there is written as a number.

use std::fs;

/// The number of a user.
pub(super) fn user_id(name: &str) -> Option<u32> {
    numbered_line(&fs::read_to_string("/etc/passwd").ok()?, name)
}

/// The number of a group.
pub(super) fn group_id(name: &str) -> Option<u32> {
    numbered_line(&fs::read_to_string("/etc/group").ok()?, name)
}

/// The effective user of this process.
pub(super) fn own_user_id() -> Option<u32> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The third field of the line that starts with `name`, in the form /etc/passwd and /etc/group share.
fn numbered_line(table: &str, name: &str) -> Option<u32> {
    let line = table.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split(':').nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let table = "rooty:x:7:7::/:/bin/sh\nroot:x:0:0:root:/root:/bin/sh\nbroken\n";
        assert_eq!(numbered_line(table, "root"), Some(0));
        assert_eq!(numbered_line(table, "roo"), None);
        assert_eq!(numbered_line(table, "broken"), None);
    }

    #[test]
    fn this_process_has_a_user() {
        assert!(own_user_id().is_some());
    }
}
