import NIOCore
import Testing

@testable import WaymarkTesting

/// What counts as a boundary between a process and a foreign system.
@Suite struct ForeignTapTests {
    @Test func aMessageThatComesInPiecesIsOneBoundary() async throws {
        let process = ProcessGate(plan: nil)
        process.begin()
        let tap = ForeignTap(gate: process)
        let pieces: [(String, FaultProxy.Direction)] = [
            ("POST /charges HTTP/1.1\r\ncontent-length: 8\r\n\r\n", .toServer), ("amount=5", .toServer),
            ("HTTP/1.1 200 OK\r\n\r\n", .toClient), ("{}", .toClient),
            ("POST /refunds HTTP/1.1\r\n\r\n", .toServer), ("HTTP/1.1 404 Not Found\r\n\r\n", .toClient),
        ]
        var forwarded: [String] = []
        for (piece, direction) in pieces {
            try await tap.carry(ByteBuffer(string: piece), direction) { forwarded.append(String(buffer: $0)) }
        }
        #expect(forwarded == pieces.map(\.0))
        #expect(
            process.trail.map { "\($0.kind.rawValue) \($0.text)" } == [
                "call POST /charges HTTP/1.1", "effect HTTP/1.1 200 OK", "call POST /refunds HTTP/1.1",
                "effect HTTP/1.1 404 Not Found",
            ])
    }
}
