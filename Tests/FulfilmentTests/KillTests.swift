import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import PostgresPQ
import Subprocess
import Testing
import WaymarkTesting

/// A real process that is killed with some parcels sent and others being sent, and another one that goes on.
@Suite struct KillTests {
    /// What the parcels in the middle are decides whether the order is shipped or undone by the other process.
    @Test(arguments: [("lamp", 201), ("forbidden fireworks", 422)])
    func parcelsUnderWayAreFinishedByAnotherProcess(item: String, status: Int) async throws {
        try await World.with(["--delay-ms", "500"]) { world in
            let items = ["book", "book", "book", "book", item]
            let killed = try await orchestrator(of: world) { process in
                let port = try await process.port()
                let answer = Task { try await order(items, port: port) }
                try await eventually("some parcels are sent, and others under way") {
                    let finished = try await world.database.client.query(
                        """
                        SELECT FROM waymark.keys, jsonb_each(branches)
                        WHERE recovery_point = 'parcels_sent:begun' AND value ->> 'point' = 'finished'
                        """)
                    return finished.count >= 1
                }
                process.send(SIGKILL)
                _ = await answer.result
            }
            #expect(killed.status == .signaled(SIGKILL))
            let other = try await orchestrator(of: world) { process in
                let port = try await process.port()
                return try await eventually("the order has its answer") {
                    let answer = try await order(items, port: port)
                    return [202, 409, 503].contains(answer.status.code) ? nil : answer.status
                }
            }
            #expect(Int(other.result.code) == status)
            let bookings = try await world.bookings()
            #expect(bookings.count { $0.object == "parcel" } == (status == 201 ? 5 : 4))
            #expect(bookings.allSatisfy { $0.cancelled == (status != 201) }, "\(bookings)")
            let ledger = try await world.ledger()
            for count in [#""labels":1"#, #""pickups":1"#, #""duplicate_bookings":0"#] {
                #expect(ledger.contains(count), "\(ledger)")
            }
        }
    }

    @Test func refusesWhatIsOutOfBounds() async throws {
        try await World.with { world in
            _ = try await orchestrator(of: world) { process in
                let port = try await process.port()
                let answer = try await order(["book"], quantity: 0, port: port)
                #expect(answer.status == .badRequest)
                let text = try await String(buffer: answer.body.collect(upTo: 1 << 20))
                #expect(text.contains(#""field":"parcels.0.quantity""#))
                #expect(try await order([], port: port).status == .badRequest)
            }
        }
    }

    private func orchestrator<Result: Sendable>(
        of world: World, _ body: (TestProcess) async throws -> Result
    ) async throws -> TestProcess.Ended<Result> {
        try await TestProcess.with(
            World.executable, ["orchestrator", "--lease-seconds", "1"] + TestProcess.anyPort,
            database: world.database.url, settings: world.settings, body)
    }

    private func order(_ items: [String], quantity: Int = 1, port: Int) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/orders")
        request.method = .POST
        request.headers.add(name: "Authorization", value: "ann")
        request.headers.add(name: "Idempotency-Key", value: "order-1")
        request.headers.add(name: "Content-Type", value: "application/json")
        let parcels = items.map { #"{"item": "\#($0)", "quantity": \#(quantity)}"# }.joined(separator: ", ")
        request.body = .bytes(
            ByteBuffer(string: #"{"email": "ann@example.com", "address": "1 Road", "parcels": [\#(parcels)]}"#))
        return try await HTTPClient.shared.execute(request, timeout: .seconds(60))
    }
}
