import Foundation
public import Logging

extension PrivateCluster {
    /// Opens the durable cluster in `directory`, making it when there is none, and starts its server unless it runs
    /// already. Two processes may open the same folder at once: one starts the server, both get to use it.
    ///
    /// The server goes on when this process ends; whoever has ``startedHere`` stops it.
    ///
    /// - Parameters:
    ///   - directory: The folder to keep `data/` and `log` in. It is created, with the folders above it. Where the
    ///     server's account could not reach it (below a home directory of root, say), a folder under `/tmp` that
    ///     belongs to this path stands in for it, and a notice in the log says so.
    ///   - settings: Server settings by name, over ours. They take effect when this call starts the server.
    ///   - logger: Where this call, and later ones on its result, say what they do.
    /// - Throws: ``PrivatePostgresError``: no PostgreSQL of the fitting version, an unusable folder, a server that does
    ///   not start (with the end of its log).
    public static func open(
        at directory: String,
        settings: [String: String] = [:],
        logger: Logger
    ) async throws -> PrivateCluster {
        let wanted = URL(fileURLWithPath: directory).standardizedFileURL.resolvingSymlinksInPath().path
        let account = try ServerAccount.choose(data: wanted + "/data")
        let place = try ClusterPlace.prepare(wanted, for: account, logger: logger)
        let lock = try await FileLock.acquire(place.lockFile, owner: account)
        defer { lock.release() }
        let server = Server(
            place: place,
            binaries: try await ServerBinaries.find(data: place.dataDirectory, account: account),
            account: account,
            settings: ServerSettings(durable: true, overrides: settings),
            logger: logger
        )
        try await server.initialize()
        return PrivateCluster(server: server, watch: nil, startedHere: try await server.start())
    }

    /// Makes a cluster in a fresh folder under the system's temporary directory and starts its server.
    ///
    /// It ends with this process, however that ends, `SIGKILL` included: a small watcher outside of this process then
    /// stops the server and removes the folder. ``delete()`` does so at once.
    ///
    /// `fsync` and `full_page_writes` are off: what is committed survives a kill of the server, but not of the machine.
    ///
    /// - Parameters:
    ///   - settings: Server settings by name, over ours.
    ///   - logger: Where this call, and later ones on its result, say what they do.
    /// - Throws: ``PrivatePostgresError``: no PostgreSQL, no usable temporary folder, a server that does not start (with
    ///   the end of its log).
    public static func temporary(
        settings: [String: String] = [:],
        logger: Logger
    ) async throws -> PrivateCluster {
        try await temporary(settings: settings, logger: logger) { try await $0.initialize() }
    }

    /// - Parameter makeData: makes the data of the cluster, which has none yet.
    static func temporary(
        settings: [String: String],
        logger: Logger,
        _ makeData: (Server) async throws -> Void
    ) async throws -> PrivateCluster {
        let account = try ServerAccount.choose(data: nil)
        let binaries = try await ServerBinaries.find(data: nil, account: account)
        let place = try ClusterPlace.temporary(for: account)
        let server = Server(
            place: place,
            binaries: binaries,
            account: account,
            settings: ServerSettings(durable: false, overrides: settings),
            logger: logger
        )
        do {
            let watch = try await OwnerWatch.start(over: server)
            do {
                try await makeData(server)
                return PrivateCluster(server: server, watch: watch, startedHere: try await server.start())
            } catch {
                watch.end()
                throw error
            }
        } catch {
            try? place.remove()
            throw error
        }
    }
}
