import Foundation
import Logging
import PostgresPQ
import Synchronization

/// A throw-away PostgreSQL cluster on a unix socket, which dies with the process that started it.
///
/// A shell supervises it: when the pipe to the shell closes, for whatever reason, the shell shuts the server down. (It
/// does not `wait`: a process may be started with the signal blocked that this needs.)
final class TestServer: Sendable {
    struct StartFailure: Error {
        var reason: String
    }

    /// Connection string of the server that all tests share; `WAYMARK_TEST_DATABASE_URL` overrides it.
    static var sharedURL: String {
        get async throws {
            if let url = ProcessInfo.processInfo.environment["WAYMARK_TEST_DATABASE_URL"] { return url }
            return try await shared.value.url
        }
    }

    private static let shared = Task { try await TestServer.start() }

    let directory: String
    let url: String
    private let supervisor = Mutex<(process: Process, input: Pipe)?>(nil)

    private init(directory: String) {
        self.directory = directory
        url = "host=\(directory) port=5432 dbname=postgres user=postgres"
    }

    /// Makes a cluster and starts it.
    static func start() async throws -> TestServer {
        let name = "waymark-pq-\(UUID().uuidString.prefix(8).lowercased())"
        let server = TestServer(directory: FileManager.default.temporaryDirectory.path + "/" + name)
        let initialize = try asPostgres(
            """
            set -e
            \(binaries)/initdb -D \(server.directory)/data -N -U postgres -A trust -E UTF8 --locale=C >/dev/null
            {
              echo 'local all locked_out scram-sha-256'
              cat \(server.directory)/data/pg_hba.conf
            } > \(server.directory)/data/hba
            mv \(server.directory)/data/hba \(server.directory)/data/pg_hba.conf
            """)
        initialize.process.waitUntilExit()
        guard initialize.process.terminationStatus == 0 else { throw StartFailure(reason: "initdb failed") }
        try await server.launch()
        return server
    }

    /// Starts the server, again if it was stopped, and waits until it takes connections.
    func launch() async throws {
        let running = try Self.asPostgres(
            """
            exec >>\(directory)/log 2>&1
            \(Self.binaries)/postgres -D \(directory)/data -k \(directory) -c listen_addresses= -c fsync=off \
              -c max_connections=150 &
            pid=$!
            read line
            kill -QUIT $pid
            tries=0
            while [ -e \(directory)/data/postmaster.pid ] && [ $tries -lt 200 ]; do
              tries=$((tries + 1))
              sleep 0.05
            done
            [ "$line" = keep ] || rm -rf \(directory)
            """)
        supervisor.withLock { $0 = running }
        let configuration = try PostgresConfiguration(url)
        try await eventually {
            guard let connection = try? await PostgresConnection.connect(configuration) else { return false }
            await connection.close()
            return true
        }
    }

    /// Stops the server as a crash would (`-m immediate`), and waits until it is gone. Its data stays.
    func crash() async throws {
        guard let running = supervisor.withLock({ $0 }) else { return }
        running.input.fileHandleForWriting.write(Data("keep\n".utf8))
        try await eventually { !running.process.isRunning }
        supervisor.withLock { $0 = nil }
    }

    private static let binaries =
        ProcessInfo.processInfo.environment["WAYMARK_TEST_POSTGRES_BIN"] ?? "/usr/lib/postgresql/15/bin"

    /// PostgreSQL refuses to run as root.
    private static func asPostgres(_ script: String) throws -> (process: Process, input: Pipe) {
        let process = Process()
        let shell = ["/bin/sh", "-c", script]
        let command = getuid() == 0 ? ["/usr/sbin/runuser", "-u", "postgres", "--"] + shell : shell
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.currentDirectoryURL = FileManager.default.temporaryDirectory
        let input = Pipe()
        process.standardInput = input
        try process.run()
        return (process, input)
    }
}

/// Waits for a condition, and gives up after 30 seconds.
func eventually(_ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while try await !condition() {
        guard ContinuousClock.now < deadline else {
            throw TestServer.StartFailure(reason: "the condition did not come true in time")
        }
        try await Task.sleep(for: .milliseconds(10))
    }
}

/// Lends a connection of its own to a test.
func withTestConnection(
    _ change: (inout PostgresConfiguration) -> Void = { _ in },
    _ body: (PostgresConnection) async throws -> Void
) async throws {
    var configuration = try PostgresConfiguration(await TestServer.sharedURL)
    change(&configuration)
    let connection = try await PostgresConnection.connect(configuration)
    do {
        try await body(connection)
    } catch {
        await connection.close()
        throw error
    }
    await connection.close()
}

/// Lends a running pool to a test.
func withTestClient(
    url: String? = nil,
    _ change: (inout PostgresClient.Configuration) -> Void = { _ in },
    _ body: (PostgresClient) async throws -> Void
) async throws {
    let url = if let url { url } else { try await TestServer.sharedURL }
    var configuration = PostgresClient.Configuration(connection: try PostgresConfiguration(url))
    // Long enough for a machine that is busy with other tests; those about waiting choose their own.
    configuration.waitTimeout = .seconds(60)
    change(&configuration)
    let client = PostgresClient(configuration: configuration)
    let running = Task { try await client.run() }
    do {
        try await body(client)
    } catch {
        running.cancel()
        throw error
    }
    running.cancel()
    try await running.value
}

/// The `PostgresError` that `body` throws, the one inside a `PostgresTransactionError` included.
func postgresError(_ body: () async throws -> Void) async -> PostgresError? {
    do {
        try await body()
        return nil
    } catch let error as PostgresError {
        return error
    } catch let error as PostgresTransactionError {
        return error.error
    } catch {
        return nil
    }
}
