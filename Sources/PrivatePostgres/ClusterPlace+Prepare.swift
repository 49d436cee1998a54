import Foundation
import Logging

extension ClusterPlace {
    /// Makes the folder for a durable cluster, reachable for `account`; a folder under `/tmp` where `wanted` is not.
    ///
    /// - Throws: ``PrivatePostgresError`` when neither can be made, or the one under `/tmp` belongs to somebody else.
    static func prepare(_ wanted: String, for account: ServerAccount, logger: Logger) throws -> ClusterPlace {
        if account.canReach(wanted) {
            try makeFolder(wanted, for: account)
            if account.canReach(wanted) { return try madeReady(wanted, for: account) }
        }
        let parent = standInParent(account)
        let fallback = standIn(for: wanted, account: account) + "-data"
        logger.notice(
            "PostgreSQL's account cannot reach the folder, keeping the data elsewhere",
            metadata: ["wanted": "\(wanted)", "used": "\(fallback)", "account": "\(account.name)"]
        )
        try makeFolder(parent, for: account)
        try makeFolder(fallback, for: account)
        return try madeReady(fallback, for: account)
    }

    /// Makes a fresh folder for a temporary cluster, in `TMPDIR` where the account may use it, else in `/tmp`.
    static func temporary(for account: ServerAccount) throws -> ClusterPlace {
        let system = URL(fileURLWithPath: NSTemporaryDirectory()).resolvingSymlinksInPath().path
        // Room for our own folder, the socket's folder and the socket in the 103 bytes of a socket's path.
        let parent = account.canWrite(system) && system.utf8.count <= 55 ? system : "/tmp"
        var template = Array("\(parent)/private-postgres-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw PrivatePostgresError(
                .unusableDirectory,
                "cannot make a folder in \(parent): \(String(cString: strerror(errno)))"
            )
        }
        let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        do {
            guard chown(path, account.userID, account.groupID) == 0 else {
                throw unusable(path, "cannot be given away")
            }
            return try madeReady(path, for: account)
        } catch {
            try? FileManager.default.removeItem(atPath: path)
            throw error
        }
    }

    /// Makes the socket's folder and the note in `directory`.
    private static func madeReady(_ directory: String, for account: ServerAccount) throws -> ClusterPlace {
        let place = ClusterPlace(directory: directory, for: account)
        if !place.socketDirectory.hasPrefix(directory) { try makeFolder(standInParent(account), for: account) }
        try makeFolder(place.socketDirectory, for: account)
        try requirePrivate(place.socketDirectory, for: account)
        try write(
            """
            A private PostgreSQL cluster: its data in data/, its server's messages in log.
            To look into it: psql -h '\(place.socketDirectory)' -p \(port) -U postgres
            To be rid of it: stop the server (pg_ctl stop -D data), then remove this folder.

            """,
            to: place.noteFile,
            for: account
        )
        return place
    }

    /// Makes `path` for the account alone, with the folders above it. One that exists is left as it is.
    static func makeFolder(_ path: String, for account: ServerAccount) throws {
        if FileManager.default.fileExists(atPath: path) {
            if path == standInParent(account) { try requirePrivate(path, for: account) }
            return
        }
        let parent = (path as NSString).deletingLastPathComponent
        do {
            try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        } catch {
            throw unusable(parent, "cannot be made (\(error.localizedDescription))")
        }
        // Given away before it is there: another process that opens the same cluster must not find a folder of root's,
        // and take it for one that the account cannot reach.
        let draft = "\(path).\(getpid()).\(UInt32.random(in: .min ... .max))"
        guard mkdir(draft, 0o700) == 0 else {
            throw unusable(path, "cannot be made (\(String(cString: strerror(errno))))")
        }
        guard chown(draft, account.userID, account.groupID) == 0 else {
            rmdir(draft)
            throw unusable(path, "cannot be given away")
        }
        guard rename(draft, path) == 0 else {
            let reason = errno
            rmdir(draft)
            // The other process may have been faster.
            if reason == EEXIST || reason == ENOTEMPTY { return }
            throw unusable(path, "cannot be made (\(String(cString: strerror(reason))))")
        }
    }

    /// Refuses a folder that somebody else could have put there or could write to.
    private static func requirePrivate(_ path: String, for account: ServerAccount) throws {
        var status = stat()
        guard lstat(path, &status) == 0 else { throw unusable(path, "is not there") }
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        // The maker gives the folder away right after making it; root's is as good as the account's.
        let isOurs = status.st_uid == account.userID || status.st_uid == 0
        guard isFolder, isOurs, status.st_mode & 0o022 == 0 else {
            throw unusable(path, "is not a folder of \(account.name) alone")
        }
    }

    /// Writes a small file that belongs to the account. Follows no symbolic link.
    static func write(_ text: String, to path: String, for account: ServerAccount, append: Bool = false) throws {
        let flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (append ? O_APPEND : O_TRUNC)
        let descriptor = open(path, flags, 0o600)
        guard descriptor >= 0 else { throw unusable(path, "cannot be written (\(String(cString: strerror(errno))))") }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        _ = fchown(descriptor, account.userID, account.groupID)
        try handle.write(contentsOf: Data(text.utf8))
        try handle.close()
    }

    private static func unusable(_ path: String, _ what: String, line: Int = #line) -> PrivatePostgresError {
        PrivatePostgresError(.unusableDirectory, "\(path) \(what)", line: line)
    }
}
