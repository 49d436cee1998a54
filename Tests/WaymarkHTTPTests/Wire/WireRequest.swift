import WaymarkTesting

/// What only a socket can carry: a request whose framing, head or manner of arriving is out of the ordinary.
enum WireFlaw: String, CaseIterable {
    // Unusual, and right.
    case plain, chunked, chunkedWithTrailers, inPieces, slow, pipelined, expectContinue, absoluteForm
    // Wrong.
    case rubbish, mutilatedHead, badRequestLine, http2, headerWithoutColon, spaceBeforeColon, control, longHeader
    case manyHeaders, longHeaders, longPath, badLength, twoLengths, lengthAndChunks, badChunkSize, hugeChunkSize
    case missingChunkEnd, truncatedBody, truncatedChunks, truncatedHead, aborted, tooLong, tooLongInChunks,
        unknownCoding
    case keyNotUTF8, foldedKey, keyWithDelete

    var isRight: Bool {
        switch self {
        case .plain, .chunked, .chunkedWithTrailers, .inPieces, .slow, .pipelined, .expectContinue, .absoluteForm: true
        default: false
        }
    }
}

/// Bytes to send, and how.
struct WireRequest: Sendable, CustomStringConvertible {
    let flaw: WireFlaw
    /// The keys that are accepted with it.
    var keys: [String] = []
    var pieces: [[UInt8]]
    var pause = Duration.zero
    var isAborted = false

    var description: String {
        let bytes = pieces.flatMap { $0 }
        return "[\(flaw)] \(pieces.count) pieces, \(bytes.count) bytes: "
            + String(decoding: bytes.prefix(1_500), as: UTF8.self).debugDescription
    }
}

/// Makes such requests for the fixture's `pass-gate`.
struct WireGenerator {
    var random: SeededGenerator
    let number: Int

    private static let route = "POST /sagas/pass-gate HTTP/1.1"
    private var key: String { "wire-\(number)" }
    private let body = #"{"name": "wire"}"#

    mutating func request(_ flaw: WireFlaw) -> WireRequest {
        var request = flaw.isRight ? right(flaw) : WireRequest(flaw: flaw, pieces: [Array(wrong(flaw).utf8)])
        switch flaw {
        case .rubbish:
            let length = Int.random(in: 1...400, using: &random)
            request.pieces = [(0..<length).map { _ in .random(in: 0...255, using: &random) }]
        case .mutilatedHead:
            var bytes = Array(message().utf8)
            bytes[Int.random(in: 0..<20, using: &random)] = .random(in: 0...31, using: &random)
            request.pieces = [bytes]
        case .keyNotUTF8:
            let parts = message(key: "k#k").split(separator: "#", maxSplits: 1).map { Array($0.utf8) }
            request.pieces = [parts[0] + [0xFF, 0xC3] + parts[1]]
        case .aborted: request.isAborted = true
        default: break
        }
        return request
    }

    private mutating func right(_ flaw: WireFlaw) -> WireRequest {
        var request = WireRequest(flaw: flaw, keys: [key], pieces: [Array(message().utf8)])
        switch flaw {
        case .chunked: request.pieces = [Array(chunked().utf8)]
        case .chunkedWithTrailers:
            request.pieces = [Array(chunked(extension: ";a=\"b\"", trailer: "X-Sum: 1\r\n").utf8)]
        case .inPieces, .slow:
            request.pieces = split(request.pieces[0], most: flaw == .slow ? 12 : 40)
            request.pause = flaw == .slow ? .milliseconds(10) : .zero
        case .pipelined:
            request.keys = [key, key + "-second"]
            request.pieces = [Array((message() + message(key: key + "-second")).utf8)]
        case .expectContinue: request.pieces = [Array(message(headers: ["Expect: 100-continue"]).utf8)]
        case .absoluteForm:
            request.pieces = [Array(message("POST http://localhost/sagas/pass-gate HTTP/1.1").utf8)]
        default: break
        }
        return request
    }

    private mutating func wrong(_ flaw: WireFlaw) -> String {
        let x = { (count: Int) in String(repeating: "x", count: count) }
        switch flaw {
        case .badRequestLine:
            let line = [
                "POST", "POST  HTTP/1.1", "POST /x", "POST /x HTTP/9.9", "P OST /x HTTP/1.1", "POST /\u{1} HTTP/1.1",
                "",
            ]
            return message(line[Int.random(in: line.indices, using: &random)])
        case .http2: return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        case .headerWithoutColon: return message(headers: ["NoColonHere"])
        case .spaceBeforeColon: return message(headers: ["X-A : b"])
        case .control: return message(headers: ["X-A: a\u{0}b"])
        case .longHeader: return message(headers: ["X-A: \(x(Int.random(in: 9_000...60_000, using: &random)))"])
        case .longHeaders: return message(headers: (0..<5).map { "X-\($0): \(x(5_000))" })
        case .manyHeaders:
            return message(headers: (0..<Int.random(in: 101...2_000, using: &random)).map { "X-\($0): a" })
        case .longPath: return message("POST /\(x(Int.random(in: 17_000...100_000, using: &random))) HTTP/1.1")
        case .badLength:
            let lengths = ["-1", "abc", "1e2", "0x10", "99999999999999999999999", "1 2", "+16"]
            return message(length: lengths[Int.random(in: lengths.indices, using: &random)])
        case .twoLengths: return message(headers: ["Content-Length: 3"])
        case .lengthAndChunks: return message(headers: ["Transfer-Encoding: chunked"])
        case .unknownCoding: return message(headers: ["Transfer-Encoding: gzip"], length: nil)
        case .badChunkSize: return chunked(sizes: ["zz", "-1", "", " ", "0x5"][Int.random(in: 0..<5, using: &random)])
        case .hugeChunkSize: return chunked(sizes: ["FFFFFFFFFFFFFFFF", "FFFFFFFFFFFFFFFFF", "7FFFFFFF"][number % 3])
        case .missingChunkEnd: return chunked().replacing("\r\n0\r\n", with: "0\r\n")
        case .truncatedBody, .aborted:
            return String(message(body: body + "        ").dropLast(Int.random(in: 1...20, using: &random)))
        case .truncatedChunks: return String(chunked().dropLast(Int.random(in: 3...12, using: &random)))
        case .truncatedHead: return String(message().prefix(Int.random(in: 1...60, using: &random)))
        case .tooLong: return message(body: x(1_100_000))
        case .tooLongInChunks: return chunked(body: x(1_100_000))
        case .foldedKey: return message(key: "a\r\n b")
        case .keyWithDelete: return message(key: "a\u{7F}b")
        default: return ""
        }
    }

    private func message(
        _ line: String = route, key: String? = nil, headers: [String] = [], length: String? = "", body: String? = nil
    ) -> String {
        let body = body ?? self.body
        let length = length.map { ["Content-Length: \($0.isEmpty ? String(body.utf8.count) : $0)"] } ?? []
        let fields = ["Host: localhost", "Authorization: tester", "Idempotency-Key: \(key ?? self.key)"]
        return ([line] + fields + headers + length).joined(separator: "\r\n") + "\r\n\r\n" + body
    }

    /// The body in chunks; with `sizes`, of a size that it does not have.
    private mutating func chunked(
        body: String? = nil, sizes: String? = nil, extension: String = "", trailer: String = ""
    ) -> String {
        let head = message(headers: ["Transfer-Encoding: chunked"], length: nil, body: "")
        let bytes = Array((body ?? self.body).utf8)
        let chunks = split(bytes, most: 5).map { chunk in
            let size = sizes ?? String(chunk.count, radix: 16)
            return "\(size)\(`extension`)\r\n\(String(decoding: chunk, as: UTF8.self))\r\n"
        }
        return head + chunks.joined() + "0\r\n\(trailer)\r\n"
    }

    private mutating func split(_ bytes: [UInt8], most: Int) -> [[UInt8]] {
        let cuts = (1..<most).map { _ in Int.random(in: 0...bytes.count, using: &random) }.sorted()
        let edges = [0] + cuts + [bytes.count]
        return zip(edges, edges.dropFirst()).map { Array(bytes[$0..<$1]) }.filter { !$0.isEmpty }
    }
}
