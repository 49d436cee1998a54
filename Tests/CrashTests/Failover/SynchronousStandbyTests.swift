import PostgresPQ
import Testing
import WaymarkClient
import WaymarkTesting

/// A failover to a standby that every commit has waited for: nothing that anybody was told is lost.
@Suite struct SynchronousStandbyTests {
    private static let rides = 16

    @Test func nothingIsLost() async throws {
        try await FailoverStage.with { stage in
            try await stage.pair.makeSynchronous()
            let first = try await withThrowingTaskGroup(of: (Int, Answer).self) { group in
                for number in 0..<Self.rides { group.addTask { (number, try await stage.book("ride-\(number)")) } }
                var answers: [Int: Answer] = [:]
                while let (number, answer) = try await group.next() {
                    answers[number] = answer
                    if answers.count == Self.rides / 4 { try await stage.pair.failOver() }
                }
                return answers
            }
            #expect(first.count == Self.rides)
            for (number, answer) in first {
                let again = try await stage.book("ride-\(number)")
                #expect(answer.status == 201 && again.status == 201)
                #expect(again.body == answer.body && again.replayed)
            }
            let ledger = try await stage.ledger()
            #expect(ledger.charges == Self.rides)
            print("synchronous failover in the middle of \(Self.rides) rides, charges repeated \(ledger.replays)")
        }
    }

    /// A commit that the standby has not got is not acknowledged, and may be gone with the primary.
    @Test func whatTheStandbyHasNotGotIsNotAcknowledged() async throws {
        try await FailoverStage.with { stage in
            try await stage.pair.makeSynchronous()
            try await stage.pair.holdBack()
            let answer = Task { try await stage.book() }
            try await eventually("its acceptance waits for the standby") {
                try await stage.pair.client.query("SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'").count
                    == 1
            }
            #expect(try await stage.ledger().charges == 0, "nothing is called for before")
            try await stage.pair.failOver()
            #expect(try await answer.value.status == 201)
            #expect(try await stage.recoveryPoints() == ["finished"])
            #expect(try await stage.ledger().charges == 1)
        }
    }
}
