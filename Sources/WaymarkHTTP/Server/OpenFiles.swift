import Foundation

/// The files that this process may have open: sockets are files.
package enum OpenFiles {
    /// The process may not open enough files for what it is asked to do.
    package struct TooFew: Error, CustomStringConvertible {
        package let limit: Int
        package let detail: String

        package init(limit: Int, detail: String) {
            self.limit = limit
            self.detail = detail
        }

        package var description: String {
            "the process may open \(limit) files (`ulimit -n`), which are too few: \(detail)"
        }
    }

    /// More are of no use to one process, and some systems' programs are slow where the limit is in the millions.
    private static let most = 65_536
    /// Standard streams, the listening socket, log and port files, what libdispatch and Foundation open.
    private static let basis = 16
    /// What an event loop opens: for epoll, for its timer and to be woken. There is one for each processor.
    private static let perProcessor = 3
    /// Beside the pool's connections: one that renews leases, and requests to cancel statements.
    private static let besidePool = 5

    /// The limit now in force.
    package static var limit: Int {
        Int(clamping: limits().rlim_cur)
    }

    /// Raises the limit to what the system allows this process. Without it a process that meets the limit may not go on: the
    /// runtime itself opens files, and ends the process where it cannot.
    package static func raiseLimit() {
        var limits = limits()
        let wanted = min(limits.rlim_max, rlim_t(most))
        guard wanted > limits.rlim_cur else { return }
        limits.rlim_cur = wanted
        // Where it fails the limit stays, and connections are fewer.
        _ = setrlimit(resource, &limits)
    }

    /// How many connections a server may accept: beside the database's, and each with a foreign call.
    /// - Throws: `TooFew` where there is no room for one.
    package static func connections(beside pool: Int) throws -> Int {
        let reserve = basis + perProcessor * ProcessInfo.processInfo.activeProcessorCount + pool + besidePool
        let connections = (limit - reserve) / 2
        guard connections > 0 else {
            throw TooFew(
                limit: limit,
                detail: "with \(pool) connections to the database at least \(reserve + 2) are needed")
        }
        return connections
    }

    #if canImport(Glibc)
    private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
    private static let resource = RLIMIT_NOFILE
    #endif

    private static func limits() -> rlimit {
        var limits = rlimit()
        _ = getrlimit(resource, &limits)
        return limits
    }
}
