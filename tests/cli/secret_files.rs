//! S22: files with secrets that other users may read.

use super::{check_refused, run, text};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn s22_bad_input_124_a_secret_that_others_can_read_is_refused_at_the_start_and_by_doctor() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("secret");
    std::fs::write(&file, "0".repeat(64)).unwrap();
    let path = file.to_str().unwrap();
    let certificate = data.path().join("cert.pem");
    let certificate = certificate.to_str().unwrap();
    let folder = data.path().join("data");
    let folder = folder.to_str().unwrap();
    let doctor = |flags: &[&str]| {
        let mut all = vec!["doctor", "--data", folder, "--listen", "127.0.0.1:0"];
        all.extend(flags);
        text(&run(&all).stdout)
    };
    for (setting, flags) in [
        ("master_key_file", vec!["--master-key-file", path]),
        ("operator_key_file", vec!["--operator-key-file", path]),
        (
            "tls.key",
            vec!["--tls-cert", certificate, "--tls-key", path],
        ),
    ] {
        std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        check_refused(data.path(), &flags, 78, &[setting, "chmod 600", path]);
        let found = doctor(&flags);
        let line = found.lines().find(|line| line.starts_with("BAD  secrets"));
        let line = line.unwrap_or_else(|| panic!("{setting}: {found}"));
        assert!(
            line.contains(setting) && line.contains("chmod 600"),
            "{line}"
        );
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let found = doctor(&flags);
        assert!(found.contains("ok   secrets"), "{setting}: {found}");
    }
}
