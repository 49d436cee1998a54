import Foundation

/// An exclusive lock between processes, on a file. The kernel drops it when its holder dies.
struct FileLock: Sendable {
    /// How long to wait for another process, which may be making and starting the cluster.
    private static let patienceSeconds = 120
    private static let pollInterval = Duration.milliseconds(20)

    private let descriptor: Int32

    /// Takes the lock, waiting for it without blocking a thread.
    ///
    /// - Throws: ``PrivatePostgresError`` when the file cannot be opened or another holds the lock for two minutes.
    static func acquire(_ path: String, owner: ServerAccount) async throws -> FileLock {
        let descriptor = Foundation.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw PrivatePostgresError(
                .unusableDirectory,
                "cannot open the lock file \(path): \(String(cString: strerror(errno)))"
            )
        }
        _ = fchown(descriptor, owner.userID, owner.groupID)
        do {
            let deadline = ContinuousClock.now + .seconds(patienceSeconds)
            while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
                guard ContinuousClock.now < deadline else {
                    throw PrivatePostgresError(
                        .lockTimeout,
                        "another process has held \(path) for \(patienceSeconds) s"
                    )
                }
                try await Task.sleep(for: pollInterval)
            }
            return FileLock(descriptor: descriptor)
        } catch {
            close(descriptor)
            throw error
        }
    }

    func release() { close(descriptor) }
}
