import Staging
import WaymarkTesting

/// One thing that is done to the connections of a line.
enum LineFault: Sendable {
    /// RST to both sides.
    case reset
    /// One side hears that the other has nothing more to say.
    case halfClose(FaultProxy.Direction)
    /// A connection ends after so many of its bytes, those that have carried more at once.
    case cutAfterBytes(Int, FaultProxy.Direction)
    /// The server gets all of it, and the client never its answer.
    case loseAnswers(Int)
    /// The server never gets the end of it.
    case loseRequests(Int)
    case latency(Duration)

    /// More than a transaction's bytes or an HTTP request's, so that the ends fall everywhere.
    private static let cutBytes = 1...20_000
    private static let latencyMilliseconds = 5...400

    init(using random: inout SeededGenerator) {
        let direction: FaultProxy.Direction = Bool.random(using: &random) ? .toServer : .toClient
        self =
            switch Int.random(in: 0..<10, using: &random) {
            case 0: .reset
            case 1: .halfClose(direction)
            case 2...3: .cutAfterBytes(.random(in: Self.cutBytes, using: &random), direction)
            case 4...6: .loseAnswers(.random(in: 1...3, using: &random))
            case 7: .loseRequests(.random(in: 1...3, using: &random))
            default: .latency(.milliseconds(Int.random(in: Self.latencyMilliseconds, using: &random)))
            }
    }

    /// Begins it; what of it lasts ends with the proxy's `clearRules`.
    func strike(_ line: Network.Line) {
        let proxy = line.proxy
        switch self {
        case .reset: proxy.resetAll()
        case .halfClose(let direction): proxy.halfCloseAll(direction)
        case .cutAfterBytes(let count, .toServer): proxy.setRules(.init(cutAfterBytesToServer: count))
        case .cutAfterBytes(let count, .toClient): proxy.setRules(.init(cutAfterBytesToClient: count))
        case .loseAnswers(let times):
            proxy.cutAfter(pattern: line.system.done, direction: .toClient, times: times, forward: false)
        case .loseRequests(let times):
            proxy.cutAfter(pattern: line.system.request, direction: .toServer, times: times, forward: false)
        case .latency(let latency):
            proxy.setRules(.init(latencyToServer: latency, latencyToClient: latency, jitter: 0.5))
        }
    }
}

extension Network.System {
    /// What the system says when it has done what it was asked for: in PostgreSQL's case that a transaction is committed.
    fileprivate var done: [UInt8] {
        switch self {
        case .postgres: Array("COMMIT\0".utf8)
        case .sandbox: Array("HTTP/1.1 20".utf8)
        }
    }

    /// Part of what asks it to do something: the Sync behind a pipeline of statements, with its length; a header.
    fileprivate var request: [UInt8] {
        switch self {
        case .postgres: [UInt8(ascii: "S"), 0, 0, 0, 4]
        case .sandbox: Array("\r\n\r\n".utf8)
        }
    }
}
