import PostgresPQ
import Testing
import WaymarkTesting

@Suite struct EncryptedCancelTests {
    private let sleep: PostgresQuery = "SELECT pg_sleep(60)"

    /// libpq's own cancel request is sent in the clear, whatever the connection is. Here it would even have worked: the
    /// server takes it before it looks at its rules.
    @Test func aCancelRequestDoesNotLeaveUnencrypted() async throws {
        try await EncryptedServer.with { server in
            try await withTestConnection(url: server.url) { connection in
                #expect(connection.isEncrypted)
                try await withTestConnection(url: server.socketURL) { observer in
                    for _ in 0..<3 {
                        let task = Task { try await connection.query(sleep) }
                        try await eventually("it sleeps") { try await observer.isRunning(connection, sleep.sql) }
                        task.cancel()
                        await #expect(throws: CancellationError.self) { try await task.value }
                        #expect(try await !observer.isRunning(connection, sleep.sql), "and not on the server either")
                        let one = try await connection.query("SELECT 1").decode(Int.self)
                        #expect(one == [1])
                    }
                }
            }
            #expect(server.openings.all.count >= 2)
            #expect(server.openings.all.allSatisfy { $0 == Openings.encryption }, "\(server.openings.all)")
        }
    }

    /// A statement that catches its own cancellation runs on for as long as it likes, also when the connection is closed.
    @Test(arguments: [true, false]) func aStatementThatIsNotGivenUpIsEndedOnTheServer(_ isEncrypted: Bool) async throws
    {
        try await EncryptedServer.with { server in
            try await withTestConnection(url: isEncrypted ? server.url : server.socketURL) { connection in
                try await withTestConnection(url: server.socketURL) { observer in
                    let stubborn: PostgresQuery = """
                        DO $$ BEGIN LOOP
                            BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END;
                        END LOOP; END $$
                        """
                    let task = Task { try await connection.query(stubborn) }
                    try await eventually("it runs") { try await observer.isRunning(connection, stubborn.sql) }
                    task.cancel()
                    await #expect(throws: CancellationError.self) { try await task.value }
                    try await eventually("its process is gone") {
                        try await observer.query("SELECT 1 FROM pg_stat_activity WHERE pid = \(connection.backendPID)")
                            .isEmpty
                    }
                }
            }
        }
    }

    @Test func aConnectionWhoseServerCannotBeToldIsClosed() async throws {
        try await EncryptedServer.with { server in
            try await withTestConnection(url: server.url) { connection in
                try await withTestConnection(url: server.socketURL) { observer in
                    let task = Task { try await connection.query(sleep) }
                    try await eventually("it sleeps") { try await observer.isRunning(connection, sleep.sql) }
                    server.proxy.setRules(.init(refusesConnections: true))
                    task.cancel()
                    await #expect(throws: CancellationError.self) { try await task.value }
                    #expect(connection.isClosed)
                    #expect(server.openings.all.allSatisfy { $0 == Openings.encryption })
                }
            }
        }
    }
}
