import Foundation

/// The account that the server runs as.
struct ServerAccount: Sendable, Equatable {
    let name: String
    let userID: uid_t
    let groupID: gid_t

    /// Whether programs must change to this account, which only root can.
    var isForeign: Bool { geteuid() != userID }

    /// The caller, or when the caller is root: who owns `data`, else `postgres`, else `nobody`.
    static func choose(data: String?) throws -> ServerAccount {
        let caller = geteuid()
        guard caller == 0 else { return ServerAccount(name: NSUserName(), userID: caller, groupID: getegid()) }
        var status = stat()
        if let data, stat(data, &status) == 0, status.st_uid != 0 {
            return ServerAccount(name: "uid \(status.st_uid)", userID: status.st_uid, groupID: status.st_gid)
        }
        if let account = named("postgres") ?? named("nobody") { return account }
        throw PrivatePostgresError(
            .noAccount,
            "PostgreSQL does not run as root, and there is no account postgres or nobody to run it as: "
                + "`apt-get install postgresql` makes one, or run this program as another user"
        )
    }

    /// Looks an account up by name.
    private static func named(_ name: String) -> ServerAccount? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16_384)
        guard getpwnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return ServerAccount(name: name, userID: entry.pw_uid, groupID: entry.pw_gid)
    }

    /// Whether this account may pass through every folder of `path` that exists.
    func canReach(_ path: String) -> Bool {
        var folder = "/"
        for component in ["."] + path.split(separator: "/").map(String.init) {
            folder += component + "/"
            var status = stat()
            guard stat(folder, &status) == 0 else { return errno == ENOENT }
            guard allows(status, bits: 0o1) else { return false }
        }
        return true
    }

    /// Whether this account may make files in the folder `path`.
    func canWrite(_ path: String) -> Bool {
        var status = stat()
        return canReach(path) && stat(path, &status) == 0 && allows(status, bits: 0o3)
    }

    /// Whether the permissions in `status` give this account all of `bits` (1 enter, 2 write, 4 read).
    private func allows(_ status: stat, bits: mode_t) -> Bool {
        let shift: mode_t = status.st_uid == userID ? 6 : status.st_gid == groupID ? 3 : 0
        return userID == 0 || (status.st_mode >> shift) & bits == bits
    }
}
