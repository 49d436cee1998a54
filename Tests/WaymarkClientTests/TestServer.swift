import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A real HTTP server on the loopback interface that does what the test says, request by request.
final class TestServer: Sendable {
    /// A request as it came in.
    struct Received: Sendable {
        let uri: String
        let headers: HTTPHeaders
        let body: String

        var key: String? { headers.first(name: "Idempotency-Key") }
        var authorization: String? { headers.first(name: "Authorization") }
    }

    /// What happens to a request.
    enum Reaction: Sendable {
        case answer(Int, [String: String] = [:], String = "{}")
        /// The connection is closed without a word.
        case drop
        /// The connection is closed in the middle of the answer's body.
        case cut
        /// There never is an answer.
        case silence
    }

    private let requests = Mutex<[Received]>([])
    private let script: @Sendable (Int, Received) -> Reaction
    private let channel = Mutex<(any Channel)?>(nil)

    /// - Parameter script: tells what to do with the n-th request, from 1.
    init(_ script: @escaping @Sendable (Int, Received) -> Reaction) { self.script = script }

    var received: [Received] { requests.withLock { $0 } }

    func start() async throws -> URL {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(TestHandler(server: self))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.channel.withLock { $0 = channel }
        guard let port = channel.localAddress?.port, let url = URL(string: "http://127.0.0.1:\(port)") else {
            throw ChannelError.unknownLocalAddress
        }
        return url
    }

    /// Stops listening.
    func stop() async throws {
        try await channel.withLock { $0 }?.close().get()
    }

    func reaction(to request: Received) -> Reaction {
        script(
            requests.withLock {
                $0.append(request)
                return $0.count
            }, request)
    }
}

/// One connection.
final class TestHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let server: TestServer
    private var head: HTTPRequestHead?
    private var body = ""

    init(server: TestServer) { self.server = server }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = ""
        case .body(let part): body += String(buffer: part)
        case .end:
            guard let head else { return }
            let request = TestServer.Received(uri: head.uri, headers: head.headers, body: body)
            react(server.reaction(to: request), context)
        }
    }

    private func react(_ reaction: TestServer.Reaction, _ context: ChannelHandlerContext) {
        switch reaction {
        case .answer(let status, let fields, let body):
            write(status, fields, length: body.utf8.count, context)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        case .cut:
            write(200, [:], length: 100, context)
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: "{")))), promise: nil)
            context.close(promise: nil)
        case .drop: context.close(promise: nil)
        case .silence: break
        }
    }

    private func write(_ status: Int, _ fields: [String: String], length: Int, _ context: ChannelHandlerContext) {
        var headers = HTTPHeaders(fields.map { ($0.key, $0.value) })
        headers.add(name: "Content-Length", value: "\(length)")
        let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
    }
}

/// Starts a server, and stops it when `body` is through.
func withServer(
    _ script: @escaping @Sendable (Int, TestServer.Received) -> TestServer.Reaction,
    _ body: (TestServer, URL) async throws -> Void
) async throws {
    let server = TestServer(script)
    let url = try await server.start()
    do {
        try await body(server, url)
    } catch {
        try? await server.stop()
        throw error
    }
    try await server.stop()
}
