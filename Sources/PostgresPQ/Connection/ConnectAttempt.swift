import CLibPQ
// Dispatch on Linux does not mark its types Sendable; its queues and sources may be used from any thread.
@preconcurrency import Dispatch
import Foundation

/// Establishes one connection to one server without blocking: libpq says what to wait for, the event loop waits.
// Safe to share: all state is touched on `queue` only.
final class ConnectAttempt: @unchecked Sendable {
    private let queue = DispatchQueue(label: "postgres.connect")
    private let loop: EventLoop
    private let settings: [String: String]
    private let timeout: Duration
    private let notices: NoticeSink
    private var pointer: OpaquePointer?
    private var watch: SocketWatch?
    private var completion: ((Result<Wire, any Error>) -> Void)?
    private var isCancelled = false

    /// - Parameters:
    ///   - settings: libpq's, for one server.
    ///   - loop: what the connection will be served by, once it is established.
    init(_ settings: [String: String], timeout: Duration, loop: EventLoop, notices: NoticeSink) {
        self.settings = settings
        self.timeout = timeout
        self.loop = loop
        self.notices = notices
    }

    /// Connects. Throws ``PostgresError/Code/connectFailed``, or `CancellationError`.
    func run() async throws -> Wire {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                queue.async { self.start { continuation.resume(with: $0) } }
            }
        } onCancel: {
            queue.async { self.cancel() }
        }
    }

    private func start(_ completion: @escaping (Result<Wire, any Error>) -> Void) {
        self.completion = completion
        guard !isCancelled else { return finish(.failure(CancellationError())) }
        queue.asyncAfter(deadline: .now() + timeout.timeInterval) { [weak self] in
            guard let self else { return }
            fail("connection to \(ServerAddress(settings)) failed: no answer within \(timeout)")
        }
        let sorted = settings.sorted { $0.key < $1.key }
        pointer = withCStrings(sorted.map(\.key)) { keywords in
            withCStrings(sorted.map(\.value)) { values in PQconnectStartParams(keywords, values, 0) }
        }
        guard let pointer else { return fail("out of memory") }
        guard PQstatus(pointer) != CONNECTION_BAD else { return failAsLibpqSays(pointer) }
        // Only verbose messages contain the SQLSTATE while connecting.
        _ = PQsetErrorVerbosity(pointer, PQERRORS_VERBOSE)
        notices.attach(to: pointer)
        wait(for: PGRES_POLLING_WRITING, pointer)
    }

    /// The socket may change from one poll to the next, so each wait has a watch of its own.
    ///
    /// It is no dispatch source: on Linux libdispatch ends the process now and then where a server hangs up meanwhile.
    private func wait(for status: PostgresPollingStatusType, _ pointer: OpaquePointer) {
        let descriptor = PQsocket(pointer)
        guard descriptor >= 0 else { return failAsLibpqSays(pointer) }
        let watch = SocketWatch(descriptor, for: status == PGRES_POLLING_READING ? POLLIN : POLLOUT) {
            self.queue.async { self.watchEnded() }
        }
        self.watch = watch
        loop.begin(watch)
    }

    private func watchEnded() {
        watch = nil
        guard let pointer else { return }
        guard completion != nil else {
            self.pointer = nil
            return PQfinish(pointer)
        }
        let status = PQconnectPoll(pointer)
        switch status {
        case PGRES_POLLING_OK: succeed(pointer)
        case PGRES_POLLING_FAILED: failAsLibpqSays(pointer)
        default: wait(for: status, pointer)
        }
    }

    private func succeed(_ pointer: OpaquePointer) {
        _ = PQsetErrorVerbosity(pointer, PQERRORS_DEFAULT)
        guard PQsetnonblocking(pointer, 1) == 0, PQenterPipelineMode(pointer) == 1 else {
            return failAsLibpqSays(pointer)
        }
        self.pointer = nil
        finish(.success(Wire(pointer, loop: loop, notices: notices)))
    }

    private func cancel() {
        isCancelled = true
        finish(.failure(CancellationError()))
    }

    private func fail(_ reason: String) {
        finish(.failure(PostgresError(.connectFailed, reason)))
    }

    private func failAsLibpqSays(_ pointer: OpaquePointer) {
        finish(.failure(PostgresError(connectMessage: String(cString: PQerrorMessage(pointer)))))
    }

    /// Delivers the result once, and closes the socket unless it was handed on.
    private func finish(_ result: Result<Wire, any Error>) {
        guard let completion else { return }
        self.completion = nil
        if let watch {
            // The socket is closed once nobody looks at it.
            loop.end(watch)
        } else if let pointer {
            self.pointer = nil
            PQfinish(pointer)
        }
        completion(result)
    }
}

/// Calls `body` with a NULL-terminated array of C strings.
private func withCStrings<Result>(
    _ strings: [String],
    _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
) -> Result {
    let copies = strings.map { strdup($0) }
    defer { copies.forEach { free($0) } }
    let pointers = copies.map { $0.map { UnsafePointer($0) } } + [nil]
    return pointers.withUnsafeBufferPointer { body($0.baseAddress!) }
}

extension Duration {
    /// In seconds.
    var timeInterval: Double { self / .seconds(1) }
}
