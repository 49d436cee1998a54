import NIOCore
import NIOPosix
import WaymarkTesting

/// A TCP connection that sends bytes as they are.
enum RawConnection {
    /// How long a server may take to answer or close: a bound for one that hangs, not an expectation of speed.
    private static let patience = Duration.seconds(20)

    /// Sends the pieces one after the other, says that nothing more comes, and reads until the server closes.
    /// - Parameters:
    ///   - pause: between two pieces.
    ///   - isAborted: closes at once instead of reading.
    /// - Returns: all that the server sent; a reset ends it like a close.
    /// - Throws: `ConditionNotMet` when the server neither answers nor closes.
    static func exchange(
        port: Int, _ pieces: [[UInt8]], pause: Duration = .zero, isAborted: Bool = false
    ) async throws -> String {
        try await withThrowingTaskGroup(of: String.self) { group in
            group.addTask { try await unbounded(port: port, pieces, pause: pause, isAborted: isAborted) }
            group.addTask {
                try await Task.sleep(for: patience)
                throw ConditionNotMet(description: "the server answers or closes within \(patience)")
            }
            defer { group.cancelAll() }
            return try await group.next() ?? ""
        }
    }

    private static func unbounded(
        port: Int, _ pieces: [[UInt8]], pause: Duration, isAborted: Bool
    ) async throws -> String {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
                }
            }
        return try await channel.executeThenClose { input, output in
            do {
                for piece in pieces {
                    try await output.write(ByteBuffer(bytes: piece))
                    if pause > .zero { try await Task.sleep(for: pause) }
                }
                if isAborted { return "" }
                output.finish()
            } catch is ChannelError {
                // The server has closed before it had all: its answer may be there.
            } catch is IOError {
            }
            var received = ByteBuffer()
            do {
                for try await buffer in input { received.writeImmutableBuffer(buffer) }
            } catch is IOError {
            }
            return String(buffer: received)
        }
    }
}
