import NIOCore

/// What happens to the bytes of one connection: decides, and does no I/O.
struct FaultProxyFlow: Sendable {
    /// What to do with a piece that was read.
    enum Action: Equatable {
        /// Pass it on.
        case forward(ByteBuffer)
        /// Pass this much of it on, then cut the connection.
        case forwardThenCut(ByteBuffer)
        /// Throw it away: the connection is being cut.
        case discard
    }

    private enum Phase {
        case open
        /// A pattern has gone to the server; its answer is not to reach the client.
        case awaitingAnswer
        case cut
    }

    private var phase = Phase.open
    private var passed: [FaultProxy.Direction: Int] = [:]
    private var matchers: [Int: FaultProxyMatcher] = [:]

    /// Whether the connection is being cut.
    var isCut: Bool { phase == .cut }

    /// Decides about a piece that goes in `direction`.
    mutating func receive(
        _ piece: ByteBuffer,
        _ direction: FaultProxy.Direction,
        state: inout FaultProxy.State
    ) -> Action {
        switch (phase, direction) {
        case (.cut, _): return .discard
        case (.awaitingAnswer, .toClient): return cut(ByteBuffer())
        case (.awaitingAnswer, .toServer): return .forward(pass(piece, direction, &state))
        case (.open, _): break
        }
        if let limit = state.rules.cutAfterBytes(direction) {
            let left = max(0, limit - passed[direction, default: 0])
            if piece.readableBytes >= left { return cut(pass(prefix(of: piece, left), direction, &state)) }
        }
        guard let (trap, end) = sprungTrap(piece, direction, &state) else {
            return .forward(pass(piece, direction, &state))
        }
        switch (trap.forward, direction) {
        case (false, _):
            // What of the pattern came in earlier pieces has gone; without its end it is no message.
            return cut(pass(prefix(of: piece, max(0, end - trap.pattern.count)), direction, &state))
        case (true, .toClient):
            return cut(pass(prefix(of: piece, end), direction, &state))
        case (true, .toServer):
            phase = .awaitingAnswer
            return .forward(pass(piece, direction, &state))
        }
    }

    /// Marks the connection as cut from outside.
    mutating func cut() { phase = .cut }

    private mutating func cut(_ last: ByteBuffer) -> Action {
        phase = .cut
        return .forwardThenCut(last)
    }

    private mutating func pass(
        _ piece: ByteBuffer,
        _ direction: FaultProxy.Direction,
        _ state: inout FaultProxy.State
    ) -> ByteBuffer {
        passed[direction, default: 0] += piece.readableBytes
        switch direction {
        case .toServer:
            state.counters.bytesToServer += piece.readableBytes
            if piece.readableBytes > 0 { state.counters.piecesToServer += 1 }
        case .toClient: state.counters.bytesToClient += piece.readableBytes
        }
        return piece
    }

    private func prefix(of piece: ByteBuffer, _ length: Int) -> ByteBuffer {
        piece.getSlice(at: piece.readerIndex, length: min(length, piece.readableBytes)) ?? piece
    }

    /// The trap whose pattern ends first in the piece, used up by one, and where its pattern ends.
    private mutating func sprungTrap(
        _ piece: ByteBuffer,
        _ direction: FaultProxy.Direction,
        _ state: inout FaultProxy.State
    ) -> (FaultProxy.Trap, Int)? {
        let traps = state.traps.filter { $0.direction == direction }
        guard !traps.isEmpty else { return nil }
        var found: [(trap: FaultProxy.Trap, end: Int)] = []
        for trap in traps {
            if let end = matchers[trap.id, default: FaultProxyMatcher(trap.pattern)].firstEnd(
                in: piece.readableBytesView
            ) {
                found.append((trap, end))
            }
        }
        guard let first = found.min(by: { $0.end < $1.end }), state.spring(first.trap.id) else { return nil }
        return (first.trap, first.end)
    }
}
