import NIOCore

/// Looks after one connection of a server: refuses it where there are too many, and closes it at the end of a stop.
final class ConnectionHandler: ChannelInboundHandler, RemovableChannelHandler {
    // It looks at events only, and passes on what is read.
    typealias InboundIn = Never

    private let gate: ConnectionGate
    private let closing: Duration

    /// - Parameter closing: how long the connection may stay open once the server stops.
    init(_ gate: ConnectionGate, closing: Duration) {
        self.gate = gate
        self.closing = closing
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if gate.enter() {
            context.channel.closeFuture.whenComplete { [gate] _ in gate.leave() }
        } else {
            do {
                try context.pipeline.syncOperations.addHandler(RefusalHandler(), position: .first)
            } catch {
                context.close(promise: nil)
            }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            let channel = context.channel
            let close = channel.eventLoop.scheduleTask(in: TimeAmount(closing)) { channel.close(promise: nil) }
            channel.closeFuture.whenComplete { _ in close.cancel() }
        }
        context.fireUserInboundEventTriggered(event)
    }
}

/// Answers a connection with 503, whatever it asks for, and closes it.
private final class RefusalHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let problem =
        #"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"Too many connections are open."}"#
    private static let answer = """
        HTTP/1.1 503 Service Unavailable\r
        Content-Type: application/problem+json\r
        Content-Length: \(problem.utf8.count)\r
        Retry-After: 1\r
        Connection: close\r
        \r
        \(problem)
        """

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: Self.answer))).whenComplete { _ in
            channel.close(promise: nil)
        }
    }

    /// Nobody reads what a refused client sends.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}
}
