import Foundation
import Logging
import NIOCore
import PostgresPQ
import PrivatePostgres
import Synchronization
import WaymarkTesting

/// A PostgreSQL server that takes nothing over a network but TLS, with a proxy in front of it that notes how each connection
/// begins.
struct EncryptedServer: Sendable {
    let cluster: PrivateCluster
    let proxy: FaultProxy
    let openings: Openings

    /// What libpq needs to connect by way of the proxy.
    var url: String { "host=\(proxy.host) port=\(proxy.port) user=postgres dbname=postgres sslmode=require" }
    /// What libpq needs to connect past the proxy, by the server's socket.
    var socketURL: String { cluster.connectionString }

    static func with(_ body: (EncryptedServer) async throws -> Void) async throws {
        let cluster = try await PrivateCluster.temporary(
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        do {
            let address = try await encrypt(cluster)
            let openings = Openings()
            let proxy = try await FaultProxy.start(upstream: .tcp(host: address, port: 5432)) { openings.inspector() }
            do {
                try await body(EncryptedServer(cluster: cluster, proxy: proxy, openings: openings))
            } catch {
                await proxy.stop()
                throw error
            }
            await proxy.stop()
        } catch {
            try? await cluster.delete()
            throw error
        }
        try await cluster.delete()
    }

    /// Has the server listen on an address of its own, for the port is the same for all private clusters.
    private static func encrypt(_ cluster: PrivateCluster) async throws -> String {
        let address =
            "127.\((1...254).map { _ in UInt8.random(in: 1...254) }.prefix(3).map(String.init).joined(separator: "."))"
        let (key, certificate) = (cluster.directory + "/key.pem", cluster.directory + "/certificate.pem")
        try run([
            "req", "-new", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out",
            certificate,
        ])
        let owner = try FileManager.default.attributesOfItem(atPath: cluster.directory)
        for file in [key, certificate] {
            try FileManager.default.setAttributes(
                [
                    .ownerAccountID: owner[.ownerAccountID] as Any,
                    .groupOwnerAccountID: owner[.groupOwnerAccountID] as Any,
                    .posixPermissions: 0o600,
                ], ofItemAtPath: file)
        }
        let rules = FileHandle(forWritingAtPath: cluster.directory + "/data/pg_hba.conf")
        try rules?.truncate(atOffset: 0)
        try rules?.write(contentsOf: Data("local all all trust\nhostssl all all all trust\n".utf8))
        try rules?.close()
        try await withTestConnection(url: cluster.connectionString) { connection in
            let settings = [
                "ssl": "on", "ssl_key_file": key, "ssl_cert_file": certificate, "listen_addresses": address,
            ]
            for (name, value) in settings {
                try await connection.execute(PostgresQuery(unsafeSQL: "ALTER SYSTEM SET \(name) = '\(value)'"))
            }
        }
        try await cluster.restart(.fast)
        return address
    }

    private static func run(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/openssl")
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw ConditionNotMet(description: "openssl made no certificate")
        }
    }
}

/// The first message of each connection, as the number that PostgreSQL tells them apart by.
final class Openings: Sendable {
    static let encryption: UInt32 = 80_877_103
    static let cancellation: UInt32 = 80_877_102

    private let codes = Mutex<[UInt32]>([])

    var all: [UInt32] { codes.withLock { $0 } }

    func inspector() -> any ConnectionInspector { Inspector(openings: self) }

    private final class Inspector: ConnectionInspector {
        private let openings: Openings
        private let isFirst = Mutex(true)

        init(openings: Openings) { self.openings = openings }

        func carry(
            _ piece: ByteBuffer, _ direction: FaultProxy.Direction, forward: (ByteBuffer) async throws -> Void
        ) async throws {
            if direction == .toServer,
                isFirst.withLock({ isFirst in
                    defer { isFirst = false }; return isFirst
                })
            {
                let code = piece.getInteger(at: piece.readerIndex + 4, as: UInt32.self)
                openings.codes.withLock { $0.append(code ?? 0) }
            }
            try await forward(piece)
        }
    }
}
