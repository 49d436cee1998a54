import PostgresPQ
import PrivatePostgres
import Testing
import WaymarkClient
import WaymarkTesting

/// A failover to a standby that has not received the last commits: what docs/engine.md says of it is what happens.
@Suite struct AsynchronousStandbyTests {
    @Test func aKeyedCallIsAnsweredFromMemory() async throws {
        try await FailoverStage.with { stage in
            let first = try await stage.holdBack(before: "charge_created") { try await stage.book() }
            #expect(first.status == 201)
            #expect(try await stage.recoveryPoints() == ["finished"])
            try await stage.pair.failOver()
            #expect(try await stage.recoveryPoints() == ["ride_created"], "it went back")
            let second = try await stage.book()
            #expect(second.status == 201 && second.body == first.body)
            let ledger = try await stage.ledger()
            #expect(ledger.charges == 1 && ledger.replays == 1)
            #expect(try await stage.recoveryPoints() == ["finished"])
        }
    }

    /// Nobody knows of it any more but the foreign system, under a key that nobody will derive again.
    @Test func anAcknowledgedRequestIsLostUntilItIsRepeatedAndThenDoneAgain() async throws {
        try await FailoverStage.with { stage in
            try await stage.pair.holdBack()
            let first = try await stage.book()
            #expect(first.status == 201)
            try await stage.pair.failOver()
            #expect(try await stage.recoveryPoints().isEmpty, "it is lost")
            let second = try await stage.book()
            #expect(second.status == 201 && !second.replayed && second.body != first.body)
            #expect(try await stage.ledger().charges == 2, "another request, another charge")
        }
    }

    @Test func aCallAtMostOnceWhoseBeginningIsLostIsMadeAgain() async throws {
        try await FailoverStage.with { stage in
            let first = try await stage.holdBack(before: "withdrawn:begun") { try await stage.withdraw() }
            #expect(first.status == 201)
            try await stage.pair.failOver()
            #expect(try await stage.recoveryPoints() == ["reserved"])
            #expect(try await stage.withdraw().status == 201)
            #expect(try await stage.ledger().withdrawals == 2, "nothing was left to tell that it was begun")
        }
    }

    @Test func aCallAtMostOnceThatIsOnRecordAsBegunIsAskedAbout() async throws {
        try await FailoverStage.with { stage in
            // Its result, and in the answer's way the booking.
            let first = try await stage.holdBack(before: "bankID") { try await stage.withdraw() }
            #expect(first.status == 201)
            try await stage.pair.failOver()
            #expect(try await stage.recoveryPoints() == ["withdrawn:begun"])
            let second = try await stage.withdraw()
            #expect(second.status == 201 && second.body == first.body)
            #expect(try await stage.ledger().withdrawals == 1)
        }
    }

    @Test func aClientFindsWhicheverTakesWrites() async throws {
        try await ReplicatedPair.with { pair in
            func timeline(_ url: String = pair.url) async throws -> Int {
                let connection = try await PostgresConnection.connect(PostgresConfiguration(url))
                let rows = try await connection.query("SELECT timeline_id FROM pg_control_checkpoint()")
                    .decode(Int.self)
                let isStandby = try await connection.query("SELECT pg_is_in_recovery()").decode(Bool.self)
                await connection.close()
                #expect(isStandby == [false])
                return rows[0]
            }
            #expect(try await timeline(pair.urlStandbyFirst) == 1, "the standby is asked first, and passed by")
            try await pair.killPrimary()
            let error = await #expect(throws: PostgresError.self) { try await timeline() }
            #expect(error?.code == .connectFailed, "a standby alone is nobody to write to")
            try await pair.standby.promote()
            try await eventually("the checkpoint of the new timeline is made") { try await timeline() == 2 }
        }
    }
}
