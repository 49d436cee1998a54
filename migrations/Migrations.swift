/// The numbered SQL files of this folder, in order, built into the binary.
///
/// A file that has been released is never edited: its checksum is recorded where it was applied.
package enum Migrations {
    /// Each file's name and its bytes.
    package static let files: [(name: String, bytes: [UInt8])] = [
        ("0001_keys_and_jobs.sql", PackageResources._001_keys_and_jobs_sql),
        ("0002_branches_events_and_audit.sql", PackageResources._002_branches_events_and_audit_sql),
        ("0003_room_for_shared_updates.sql", PackageResources._003_room_for_shared_updates_sql),
        ("0004_lanes_of_jobs.sql", PackageResources._004_lanes_of_jobs_sql),
        ("0005_calls_in_doubt.sql", PackageResources._005_calls_in_doubt_sql),
    ]
}
