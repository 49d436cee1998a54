import Foundation
public import Logging

extension PrivateCluster {
    /// Makes a hot standby of `primary`: a copy of its data in a folder of its own, on which a server streams whatever the
    /// primary commits. As short-lived as a cluster of ``temporary(settings:logger:)``.
    ///
    /// - Parameters:
    ///   - primary: It must run. Its server must let `settings` be no lower than its own where PostgreSQL asks for that
    ///     (`max_connections` for one).
    ///   - connection: What the standby streams from, where it is not the primary's socket itself but a proxy before it.
    ///   - settings: Server settings by name, over ours.
    ///   - logger: Where this call, and later ones on its result, say what they do.
    /// - Throws: ``PrivatePostgresError`` as ``temporary(settings:logger:)`` does, and when the copy fails.
    public static func standby(
        of primary: PrivateCluster,
        connection: String? = nil,
        settings: [String: String] = [:],
        logger: Logger
    ) async throws -> PrivateCluster {
        var settings = settings
        settings["primary_conninfo"] = connection ?? primary.connectionString
        return try await temporary(settings: settings, logger: logger) { server in
            try await server.copy(of: primary.server)
        }
    }

    /// Makes a standby a primary, on a timeline of its own, and waits until it takes writes.
    ///
    /// - Throws: ``PrivatePostgresError`` when it is none, or does not get there within a minute.
    public func promote() async throws {
        try await server.locked { try await server.promote() }
    }
}

extension Server {
    /// Makes the cluster's data a copy of a running server's, to be started as its standby.
    func copy(of primary: Server) async throws {
        let unfinished = place.unfinishedDirectory
        try ClusterPlace.makeFolder(unfinished, for: account)
        let arguments = [
            "--host=\(primary.place.socketDirectory)", "--port=\(ClusterPlace.port)", "--username=postgres",
            "--pgdata=\(unfinished)", "--checkpoint=fast", "--wal-method=stream", "--no-sync",
        ]
        let made = try await Command.run(binaries.path("pg_basebackup"), arguments, as: account)
        guard made.succeeded else {
            throw PrivatePostgresError(
                .initializationFailed, "pg_basebackup into \(unfinished) failed", detail: made.output)
        }
        try ClusterPlace.write("", to: unfinished + "/standby.signal", for: account)
        try FileManager.default.moveItem(atPath: unfinished, toPath: place.dataDirectory)
    }

    /// Ends recovery. The caller holds the cluster's lock.
    func promote() async throws {
        let promoted = try await control(["promote"])
        guard promoted.succeeded else {
            throw PrivatePostgresError(
                .startFailed, "the standby in \(place.directory) was not promoted", detail: promoted.output)
        }
    }
}
