//! The backup of docs/recovery.md on a real MariaDB: dumped, restored and compared.

use connectivity_tests::folder::{Temporary, temporary};
use connectivity_tests::servers::{Servers, USER, root};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with the dump and the option file.
struct Backup {
    folder: Temporary,
    servers: Servers,
}

impl Backup {
    fn new() -> Self {
        let servers = Servers::running();
        let folder = temporary();
        let options = format!(
            "[client]\nprotocol=tcp\nhost=127.0.0.1\nport={}\nuser={USER}\npassword={}\n",
            servers.mariadb.port, servers.mariadb.password
        );
        std::fs::write(folder.join("backup.cnf"), options).expect("an option file");
        Self { folder, servers }
    }

    fn dump(&self) -> PathBuf {
        self.folder.join("dump.sql.gz")
    }

    /// Runs a command of the script on a database. Returns whether it succeeded, and what it printed.
    fn run(&self, database: &str, command: &str, argument: &str) -> (bool, String) {
        let mut script = Command::new(root().join("k8s/backup.sh"));
        script.args([command, argument]).env("DATABASE", database);
        let output = script.env("DEFAULTS_FILE", self.folder.join("backup.cnf")).output().expect("a script that runs");
        let printed = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&printed).into_owned())
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[tokio::test]
async fn restored_backup_equals_the_database() {
    let backup = Backup::new();
    let original = backup.servers.fresh_database().await;
    let restored = backup.servers.empty_database().await;
    let rows = "INSERT INTO ORIGINAL.affiliation_checks (id, citizen_id, status, message, citizen_data, checked_at)
                SELECT UUID(), 1000000 + seq, 'ERROR', 'ñ, an emoji 🙂 and a \\'quote\\'', CONCAT('\"', seq, '\\\\n\"'),
                       UTC_TIMESTAMP(6) - INTERVAL seq MICROSECOND FROM seq_1_to_5000";
    backup.servers.execute(&rows.replace("ORIGINAL", &original)).await;

    let dump = shown(&backup.dump());
    let (done, printed) = backup.run(&original, "dump", &dump);
    assert!(done, "{printed}");
    let (done, printed) = backup.run(&restored, "restore", &dump);
    assert!(done, "{printed}");
    let (equal, printed) = backup.run(&restored, "compare", &original);
    assert!(equal && printed.contains("tables are equal"), "{printed}");

    // One microsecond in one row of one table.
    let change = "UPDATE affiliation_checks SET checked_at = checked_at + INTERVAL 1 MICROSECOND LIMIT 1";
    backup.servers.execute(&change.replace("affiliation_checks", &format!("{restored}.affiliation_checks"))).await;
    let (equal, printed) = backup.run(&restored, "compare", &original);
    assert!(!equal && printed.contains("affiliation_checks"), "{printed}");
}

#[tokio::test]
async fn database_with_tables_is_not_overwritten_and_an_incomplete_dump_is_not_kept() {
    let backup = Backup::new();
    let database = backup.servers.fresh_database().await;
    let dump = shown(&backup.dump());
    assert!(backup.run(&database, "dump", &dump).0);
    let (done, printed) = backup.run(&database, "restore", &dump);
    assert!(!done && printed.contains("has tables"), "{printed}");

    std::fs::remove_file(backup.dump()).expect("the dump");
    let (done, printed) = backup.run("no_such_database", "dump", &dump);
    assert!(!done && !backup.dump().exists(), "{printed}");
    let (equal, printed) = backup.run("no_such_database", "compare", &database);
    assert!(!equal, "{printed}");
}
