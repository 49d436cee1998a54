import CLibPQ
import Foundation

/// A `PGconn` and what its event loop watches its socket for.
// Safe to share: everything in it is touched in the turn of `loop` only.
final class Wire: @unchecked Sendable {
    let pointer: OpaquePointer
    let loop: EventLoop
    let backendPID: Int32
    /// What goes over it cannot be read on the way.
    let isEncrypted: Bool
    private let notices: NoticeSink
    private var onReadable: (() -> Void)?
    private var onWritable: (() -> Void)?
    private var isShutDown = false

    /// Takes a connection that libpq has finished establishing.
    init(_ pointer: OpaquePointer, loop: EventLoop, notices: NoticeSink) {
        self.pointer = pointer
        self.loop = loop
        self.notices = notices
        backendPID = PQbackendPID(pointer)
        isEncrypted = PQsslInUse(pointer) != 0 || PQgssEncInUse(pointer) != 0
    }

    /// The settings that lead another connection to the very server of this one.
    var serverSettings: [String: String] {
        var settings = ["target_session_attrs": "any"]
        let parts = [("host", PQhost(pointer)), ("hostaddr", PQhostaddr(pointer)), ("port", PQport(pointer))]
        for (keyword, value) in parts {
            if let value, value.pointee != 0 { settings[keyword] = String(cString: value) }
        }
        return settings
    }

    /// A setting that the server reports whenever it changes.
    func parameter(_ name: String) -> String? {
        PQparameterStatus(pointer, name).map { String(cString: $0) }
    }

    var isBroken: Bool { PQstatus(pointer) != CONNECTION_OK }

    /// What the loop has to wait for. libpq closes the socket itself when the server goes away: then it has the number -1,
    /// and nothing is waited for.
    var interest: pollfd {
        let events = onWritable == nil ? POLLIN : POLLIN | POLLOUT
        return pollfd(fd: PQsocket(pointer), events: Int16(events), revents: 0)
    }

    /// The loop has seen `events` on the socket.
    func became(ready events: Int16) {
        if events & Int16(POLLOUT) != 0 { onWritable?() }
        if events & ~Int16(POLLOUT) != 0 { onReadable?() }
    }

    /// Calls `onReadable` whenever there is something to read, the end of the connection included.
    func watch(_ onReadable: @escaping () -> Void) {
        guard !isShutDown else { return }
        self.onReadable = onReadable
        loop.add(self)
    }

    /// Calls `onWritable` while the socket takes more, until ``stopWaitingForWritable()``.
    func waitForWritable(_ onWritable: @escaping () -> Void) {
        guard !isShutDown else { return }
        self.onWritable = onWritable
        // The loop may be waiting, for less.
        loop.enqueue {}
    }

    func stopWaitingForWritable() {
        onWritable = nil
    }

    /// Closes the socket, which the loop must not be waiting for then; then calls `completion`. Callable from anywhere.
    func shutDown(_ completion: @escaping @Sendable () -> Void = {}) {
        loop.enqueue { [self] in
            if !isShutDown {
                isShutDown = true
                onReadable = nil
                onWritable = nil
                loop.remove(self)
                PQfinish(pointer)
            }
            completion()
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
