import Foundation

/// Where a cluster's files are.
struct ClusterPlace: Sendable {
    /// Names the socket's file; nothing listens on a network port.
    static let port = 5432
    /// The shortest limit of the systems we run on (macOS), for the whole path of a socket.
    private static let socketPathLimitBytes = 103

    let directory: String
    let socketDirectory: String

    var dataDirectory: String { directory + "/data" }
    /// Where `initdb` works, so that a half-made cluster is never taken for a whole one.
    var unfinishedDirectory: String { directory + "/data.unfinished" }
    var logFile: String { directory + "/log" }
    var lockFile: String { directory + "/lock" }
    var noteFile: String { directory + "/README" }
    var postmasterFile: String { dataDirectory + "/postmaster.pid" }

    init(directory: String, for account: ServerAccount) {
        self.directory = directory
        let beside = directory + "/socket"
        let fits = "\(beside)/.s.PGSQL.\(Self.port)".utf8.count <= Self.socketPathLimitBytes
        socketDirectory = fits ? beside : Self.standIn(for: directory, account: account)
    }

    var exists: Bool { FileManager.default.fileExists(atPath: directory) }

    /// Whether `initdb` has done its work here.
    var isInitialized: Bool { FileManager.default.fileExists(atPath: dataDirectory + "/PG_VERSION") }

    /// A short path under `/tmp` that belongs to `path` and to the account. `/tmp`, not `TMPDIR`: it must be the same
    /// for every process.
    static func standIn(for path: String, account: ServerAccount) -> String {
        // FNV-1a, 64 bits: short, stable, and no secret.
        let hash = path.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return "\(standInParent(account))/\(String(hash, radix: 16))"
    }

    static func standInParent(_ account: ServerAccount) -> String { "/tmp/private-postgres-\(account.userID)" }

    /// Removes what is ours in the folder, and the folder when nothing else is in it.
    ///
    /// - Throws: The file system's error when something of ours cannot be removed.
    func remove() throws {
        let ours = [dataDirectory, unfinishedDirectory, logFile, noteFile, socketDirectory, lockFile]
        for path in ours where FileManager.default.fileExists(atPath: path) {
            try FileManager.default.removeItem(atPath: path)
        }
        if rmdir(directory) != 0, errno != ENOTEMPTY, errno != EEXIST, errno != ENOENT {
            throw PrivatePostgresError(
                .unusableDirectory,
                "cannot remove \(directory): \(String(cString: strerror(errno)))"
            )
        }
    }
}
