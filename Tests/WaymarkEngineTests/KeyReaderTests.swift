import Foundation
import NIOCore
import PostgresPQ
import Synchronization
import Testing
import Waymark
import WaymarkTesting

@testable import WaymarkEngine

@Suite struct KeyReaderTests {
    private static let statements = KeyStatements(
        schema: .waymark, holder: "test", lease: .seconds(15), retention: .hours(24))

    /// The lookups of a database, the first of which do not get there until they are released.
    private final class Lookups: ConnectionInspector {
        private let state: Mutex<(toHold: Int, held: Int)>

        init(holding count: Int) { state = Mutex((count, 0)) }

        var held: Int { state.withLock(\.held) }

        func release() { state.withLock { $0 = (0, 0) } }

        func carry(
            _ piece: ByteBuffer, _ direction: FaultProxy.Direction, forward: (ByteBuffer) async throws -> Void
        ) async throws {
            if direction == .toServer, String(buffer: piece).contains("wanted (key_id)"), hold() {
                try await eventually("lookups are released", within: .seconds(60)) { held == 0 }
            }
            try await forward(piece)
        }

        private func hold() -> Bool {
            state.withLock { state in
                if state.held == state.toHold { return false }
                state.held += 1
                return true
            }
        }
    }

    /// As many as there are at a time stand still on their way. Who asks then is answered all the same.
    @Test func lookupsThatDoNotEndHoldUpNobody() async throws {
        try await TestDatabase.with { database in
            let lookups = Lookups(holding: 2)
            let proxy = try await FaultProxy.start(upstream: database.upstream) { lookups }
            try await withPostgres(database.url(through: proxy), connections: 6, preparedStatements: false) { client in
                let reader = KeyReader(on: client, Self.statements)
                let stuck = (1...2).map { number in
                    Task {
                        // The second finds the other place only while the first is under way.
                        try await eventually("those before are held") { lookups.held == number - 1 }
                        return try await reader.row(of: UUID())
                    }
                }
                try await eventually("both are held") { lookups.held == 2 }
                defer { lookups.release() }
                let isAnswered = Mutex(false)
                let third = Task {
                    let row = try await reader.row(of: UUID())
                    isAnswered.withLock { $0 = true }
                    return row
                }
                try await eventually("the third is answered") { isAnswered.withLock(\.self) }
                #expect(lookups.held == 2, "those before are not")
                #expect(try await third.value == nil)
                lookups.release()
                for lookup in stuck { #expect(try await lookup.value == nil) }
            }
            await proxy.stop()
        }
    }
}
