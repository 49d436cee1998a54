import Foundation
import Synchronization

/// Sees to it that a temporary cluster does not outlive its owner, this process.
///
/// A small shell outside of this process reads from a pipe whose other end only this process holds. When the process
/// goes, however it goes, the kernel closes the pipe, the read ends, and the shell stops the server and removes the
/// folder. No process id is watched, so none can be taken for another.
final class OwnerWatch: Sendable {
    /// `$1` is pg_ctl, `$2` the cluster's folder. A few rounds, for the owner may have died while making the cluster.
    private static let script = """
        exec 3<&0
        (
            trap '' HUP INT TERM
            read -r nothing
            round=0
            while [ -d "$2" ] && [ "$round" -lt 50 ]; do
                if [ -s "$2/data/postmaster.pid" ]; then
                    "$1" stop -D "$2/data" -m immediate -w -t 10
                fi
                rm -rf -- "$2"
                [ -d "$2" ] && sleep 0.2
                round=$((round + 1))
            done
        ) <&3 3<&- >/dev/null 2>&1 &
        """

    private let pipe: Mutex<Int32?>

    private init(pipe: Int32) { self.pipe = Mutex(pipe) }

    /// Starts the watcher over the cluster of `server`, as the server's account.
    static func start(over server: Server) async throws -> OwnerWatch {
        var ends: [Int32] = [-1, -1]
        let made = Foundation.pipe(&ends)
        // Were the writing end inherited, the watcher would wait for that child too. Subprocess hands nothing on in any
        // case; this is for children started by other means.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        guard made == 0 else {
            throw PrivatePostgresError(.startFailed, "no pipe to watch over: \(String(cString: strerror(errno)))")
        }
        let watch = OwnerWatch(pipe: ends[1])
        do {
            let arguments = [
                "-c", script, "private-postgres-watch", server.binaries.path("pg_ctl"), server.place.directory,
            ]
            let shell = try await Command.run(
                "/bin/sh",
                arguments,
                as: server.account,
                standardInput: ends[0],
                newSession: true
            )
            guard shell.succeeded else {
                throw PrivatePostgresError(.startFailed, "the watcher did not start", detail: shell.output)
            }
            return watch
        } catch {
            watch.end()
            throw error
        }
    }

    /// Has the watcher clean up whatever is left, and end.
    ///
    /// Nothing else closes the pipe, not even the last release of this object: a cluster must not vanish under somebody
    /// who kept its connection string alone.
    func end() {
        pipe.withLock { descriptor in
            if let open = descriptor { close(open) }
            descriptor = nil
        }
    }
}
