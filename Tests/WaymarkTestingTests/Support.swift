import NIOCore
import NIOPosix
import Testing

@testable import WaymarkTesting

/// A TCP server whose connections are handled by a closure, for the length of a test.
func withServer(
    _ serve: @escaping @Sendable (SocketReader, NIOAsyncChannelOutboundWriter<ByteBuffer>) async throws -> Void,
    _ body: (FaultProxy) async throws -> Void
) async throws {
    let listener: FaultProxy.Listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .childChannelOption(.allowRemoteHalfClosure, value: true)
        .bind(host: "127.0.0.1", port: 0) { channel in
            channel.eventLoop.makeCompletedFuture { try FaultProxy.wrap(channel) }
        }
    let port = try #require(listener.channel.localAddress?.port)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            try? await listener.executeThenClose { connections in
                try await withThrowingDiscardingTaskGroup { group in
                    for try await connection in connections {
                        group.addTask {
                            try? await connection.executeThenClose { input, output in
                                try await serve(SocketReader(input), output)
                                // Leaving closes, and closing drops what the system has not taken yet.
                                try await connection.channel.writeAndFlush(ByteBuffer()).get()
                            }
                        }
                    }
                    group.cancelAll()
                }
            }
        }
        let proxy = try await FaultProxy.start(upstream: .tcp(host: "127.0.0.1", port: port), seed: 1)
        do {
            try await body(proxy)
        } catch {
            await proxy.stop()
            group.cancelAll()
            throw error
        }
        await proxy.stop()
        group.cancelAll()
    }
}

/// Sends everything back.
@Sendable
func echo(_ input: SocketReader, _ output: NIOAsyncChannelOutboundWriter<ByteBuffer>) async throws {
    while let piece = try await input.next() { try await output.write(piece) }
}

/// Reads a socket piece by piece, from one task at a time.
final class SocketReader {
    private var iterator: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator

    init(_ stream: NIOAsyncChannelInboundStream<ByteBuffer>) { iterator = stream.makeAsyncIterator() }

    func next() async throws -> ByteBuffer? { try await iterator.next(isolation: #isolation) }

    /// Reads exactly `count` bytes, or fewer when the stream ends.
    func read(_ count: Int) async throws -> String {
        var all = ByteBuffer()
        while all.readableBytes < count, var piece = try await next() { all.writeBuffer(&piece) }
        return String(buffer: all)
    }

    /// Reads to the end.
    func readAll() async throws -> String {
        var all = ByteBuffer()
        while var piece = try await next() { all.writeBuffer(&piece) }
        return String(buffer: all)
    }
}

/// Connects to the proxy.
func withClient(
    _ proxy: FaultProxy,
    _ body: (SocketReader, NIOAsyncChannelOutboundWriter<ByteBuffer>) async throws -> Void
) async throws {
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .channelOption(.allowRemoteHalfClosure, value: true)
        .connect(host: proxy.host, port: proxy.port) { channel in
            channel.eventLoop.makeCompletedFuture { try FaultProxy.wrap(channel) }
        }
    try await channel.executeThenClose { input, output in
        try await body(SocketReader(input), output)
    }
}

extension NIOAsyncChannelOutboundWriter where OutboundOut == ByteBuffer {
    func send(_ text: String) async throws { try await write(ByteBuffer(string: text)) }
}
