public import Hummingbird
public import Logging
import NIOCore

/// The HTTP server as a front door wants it: loopback unless told otherwise, and tight limits.
public enum FrontDoorServer {
    /// Bytes of a request's header fields together. NIO's default of 80 KiB is more than any client of ours needs.
    static let headerListSize = 16 * 1024
    /// Bytes of one header field.
    static let headerFieldSize = 8 * 1024
    /// Number of header fields.
    static let headerFieldCount = 100
    /// How long a connection may be silent.
    static let idleTimeout = TimeAmount.seconds(60)
    /// How long a connection may stay open after the grace period of a stop: for the answers of the steps that were cut off.
    static let closing: Duration = .milliseconds(2_500)

    /// An application that serves `router` on `host` and `port`; port 0 lets the system choose.
    /// - Parameters:
    ///   - connections: open at the same time at most; a further one is answered with 503 and closed. By default half of the
    ///     files that the process may open: the database and foreign calls need the others.
    ///   - gracePeriod: how long a stop waits for requests. Then their connections are closed.
    ///   - onRunning: is told the port once the server listens.
    public static func application<Context: RequestContext>(
        router: Router<Context>, host: String, port: Int, connections: Int? = nil, gracePeriod: Duration = .seconds(10),
        logger: Logger,
        onRunning: @escaping @Sendable (Int) async -> Void
    ) -> some ApplicationProtocol where Context.Source == ApplicationRequestContextSource {
        let gate = ConnectionGate(limit: connections ?? max(OpenFiles.limit / 2, 1), logger: logger)
        let closing = gracePeriod + closing
        return Application(
            router: router,
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [ConnectionHandler(gate, closing: closing)], idleTimeout: idleTimeout,
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: headerFieldSize, maxHeaderListSize: headerListSize,
                        maxHeaderFieldCount: headerFieldCount))),
            configuration: .init(address: .hostname(host, port: port), serverName: "waymark"),
            onServerRunning: { channel in await onRunning(channel.localAddress?.port ?? port) },
            logger: logger)
    }
}
