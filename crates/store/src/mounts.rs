//! The type of file system that a directory is on.

use std::path::Path;

/// File systems that do not lock files as SQLite requires, or only within one host.
const OF_NETWORKS: [&str; 12] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "glusterfs",
    "lustre",
    "ncpfs",
    "fuse.sshfs",
];

/// The type of network file system that an absolute path is on, according to proc_pid_mountinfo(5);
/// `None` for local ones, and if unknown.
pub(crate) fn network_kind<'m>(mountinfo: &'m str, path: &Path) -> Option<&'m str> {
    let mut deepest = (0, None);
    for line in mountinfo.lines() {
        let Some((mount, kind)) = line.split_once(" - ") else { continue };
        let Some(point) = mount.split(' ').nth(4).map(unescaped) else { continue };
        let depth = Path::new(&point).components().count();
        // Of two at the same mount point, the later one covers the other.
        if path.starts_with(&point) && depth >= deepest.0 {
            deepest = (depth, kind.split(' ').next());
        }
    }
    deepest.1.filter(|kind| OF_NETWORKS.contains(kind))
}

/// Spaces and similar characters are written as `\040`.
fn unescaped(point: &str) -> String {
    let mut parts = point.split('\\');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => {
                text.push(char::from(code));
                text.push_str(part.get(3..).unwrap_or_default());
            }
            None => {
                text.push('\\');
                text.push_str(part);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /srv rw shared:2 - nfs4 server:/srv rw,vers=4.2
31 30 8:2 / /srv/local rw shared:3 - xfs /dev/sdb rw
32 22 0:41 / /mnt/with\\040space rw - fuse.sshfs me@host: rw
33 22 0:42 / /twice rw - nfs server:/ rw
34 33 8:3 / /twice rw - ext4 /dev/sdc rw";

    #[test]
    fn the_deepest_mount_says_on_which_file_system_a_path_is() {
        for (path, kind) in [
            ("/var/lib/nginx/authentik", None),
            ("/srv", Some("nfs4")),
            ("/srv/authentik", Some("nfs4")),
            ("/srv/local/authentik", None),
            ("/srvother", None),
            ("/mnt/with space/authentik", Some("fuse.sshfs")),
            ("/twice/authentik", None),
        ] {
            assert_eq!(network_kind(MOUNTS, Path::new(path)), kind, "{path}");
        }
        assert_eq!(network_kind("", Path::new("/srv")), None);
        assert_eq!(network_kind("nonsense - nfs\n\n - \n", Path::new("/srv")), None);
    }
}
