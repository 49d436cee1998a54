import CLibPQ
// Dispatch on Linux does not mark its types Sendable; its queues and sources may be used from any thread.
@preconcurrency import Dispatch
import Foundation

/// A `PGconn` and the dispatch sources that watch its socket.
// Safe to share: everything in it is touched on `queue` only, which is the connection's queue.
final class Wire: @unchecked Sendable {
    let pointer: OpaquePointer
    let queue: DispatchQueue
    let backendPID: Int32
    /// A descriptor of our own for the socket. libpq closes its one when the server goes away, and the system may give the
    /// number to the next connection while the dispatch sources still watch it: that one would never be woken.
    private let watched: Int32
    private let ownsWatched: Bool
    private let notices: NoticeSink
    private let sources = DispatchGroup()
    private var readSource: (any DispatchSourceRead)?
    private var writeSource: (any DispatchSourceWrite)?
    private var isShutDown = false

    /// Takes a connection that libpq has finished establishing.
    init(_ pointer: OpaquePointer, queue: DispatchQueue, notices: NoticeSink) {
        self.pointer = pointer
        self.queue = queue
        self.notices = notices
        backendPID = PQbackendPID(pointer)
        let copy = fcntl(PQsocket(pointer), F_DUPFD_CLOEXEC, 0)
        // Out of descriptors: better libpq's own than none.
        watched = copy >= 0 ? copy : PQsocket(pointer)
        ownsWatched = copy >= 0
    }

    var isBroken: Bool { PQstatus(pointer) != CONNECTION_OK }

    /// The socket has bytes to read, or the other side has closed it.
    var hasInput: Bool {
        var descriptor = pollfd(fd: PQsocket(pointer), events: Int16(POLLIN), revents: 0)
        return poll(&descriptor, 1, 0) > 0
    }

    /// Calls `onReadable` whenever there is something to read, the end of the connection included.
    func watch(_ onReadable: @escaping @Sendable () -> Void) {
        let source = DispatchSource.makeReadSource(fileDescriptor: watched, queue: queue)
        sources.enter()
        source.setCancelHandler { [sources] in sources.leave() }
        source.setEventHandler(handler: onReadable)
        readSource = source
        source.activate()
    }

    /// Calls `onWritable` while the socket takes more, until ``stopWaitingForWritable()``.
    func waitForWritable(_ onWritable: @escaping @Sendable () -> Void) {
        guard writeSource == nil, !isShutDown else { return }
        let source = DispatchSource.makeWriteSource(fileDescriptor: watched, queue: queue)
        sources.enter()
        source.setCancelHandler { [sources] in sources.leave() }
        source.setEventHandler(handler: onWritable)
        writeSource = source
        source.activate()
    }

    func stopWaitingForWritable() {
        writeSource?.cancel()
        writeSource = nil
    }

    /// Closes the socket, once no source watches it any more; then calls `completion`. Callable from anywhere.
    func shutDown(_ completion: @escaping @Sendable () -> Void = {}) {
        queue.async { [self] in
            guard !isShutDown else { return completion() }
            isShutDown = true
            readSource?.cancel()
            writeSource?.cancel()
            readSource = nil
            writeSource = nil
            sources.notify(queue: queue) { [self] in
                PQfinish(pointer)
                if ownsWatched { close(watched) }
                completion()
            }
        }
    }

    /// Why the connection broke, from the server's last words or libpq's.
    func lossError(_ reason: String?) -> PostgresError {
        if let farewell = notices.farewell { return farewell }
        let message = isShutDown ? "" : String(cString: PQerrorMessage(pointer))
        let text = reason ?? message.trimmingCharacters(in: .whitespacesAndNewlines)
        return PostgresError(.connectionLost, text.isEmpty ? "the connection is closed" : text)
    }
}
