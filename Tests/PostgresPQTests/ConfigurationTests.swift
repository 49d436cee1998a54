import PostgresPQ
import Testing
import WaymarkTesting

@Suite struct ConfigurationTests {
    @Test func descriptionHidesThePassword() throws {
        for text in [
            "postgresql://me:hunter2@example.org:5433/rides?sslmode=require", "user=me password=hunter2 dbname=rides",
        ] {
            let configuration = try PostgresConfiguration(text)
            var dumped = ""
            dump(configuration, to: &dumped)
            for output in ["\(configuration)", String(reflecting: configuration), dumped] {
                #expect(!output.contains("hunter2"))
                #expect(output.contains("user=me"))
            }
        }
    }

    @Test(arguments: [
        "hunter2", "user=me password='hunter2", "postgresql://me:hunter2@[::1", "postgresql://me:hunter2%zz@h/d",
        "postgresql://h/d?hunter2=1", "nosuch=hunter2",
    ])
    func errorsHideTheString(_ text: String) {
        let error = #expect(throws: PostgresError.self) { try PostgresConfiguration(text) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test func theServersRefusalHasItsState() async throws {
        let url = try await TestDatabase.serverURL
        let missing = try PostgresConfiguration(url + " dbname=no_such_database")
        let error = await postgresError { _ = try await PostgresConnection.connect(missing) }
        #expect(error?.code == .connectFailed && error?.sqlState == .databaseDoesNotExist)
        #expect(error?.message.contains("no_such_database") == true && error?.message.contains("3D000") == false)
        let nowhere = try PostgresConfiguration("host=/nonexistent/socket")
        #expect(await postgresError { _ = try await PostgresConnection.connect(nowhere) }?.code == .connectFailed)
    }

    /// A server that takes connections and never answers: nothing reaches it within any test.
    private static let silence = FaultProxy.Rules(latencyToServer: .seconds(3_600))

    @Test(.timeLimit(.minutes(1))) func connectingEndsInTime() async throws {
        try await withTestProxy { database, proxy in
            proxy.setRules(Self.silence)
            var configuration = try PostgresConfiguration(database.url(through: proxy))
            configuration.connectTimeout = .milliseconds(200)
            let error = await postgresError { _ = try await PostgresConnection.connect(configuration) }
            #expect(error?.code == .connectFailed)
        }
    }

    @Test func connectingCanBeCancelled() async throws {
        try await withTestProxy { database, proxy in
            proxy.setRules(Self.silence)
            let configuration = try PostgresConfiguration(database.url(through: proxy))
            let task = Task { try await PostgresConnection.connect(configuration) }
            try await eventually("the connection is made") { proxy.counters.connections == 1 }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }

    @Test func theApplicationNameIsSet() async throws {
        try await withTestConnection({ $0.applicationName = "rides" }) { connection in
            let name = try await connection.query("SHOW application_name").decode(String.self)
            let pid = try await connection.query("SELECT pg_backend_pid()").decode(Int32.self)
            #expect(name == ["rides"] && pid == [connection.backendPID])
        }
    }
}
