import Foundation
import Synchronization

/// A proxy in front of a PostgreSQL server, both on unix sockets, that counts writes and can cut the line at `COMMIT`.
final class TestProxy: Sendable {
    enum Fault: Sendable {
        case none
        /// `COMMIT` reaches the server; its answer is read and dropped, then the client is cut off.
        case swallowAnswerToCommit
        /// The client is cut off instead of its `COMMIT` being forwarded.
        case cutBeforeCommit
    }

    struct SocketFailure: Error {}

    private struct State {
        var fault = Fault.none
        var isStopped = false
        var isCutting = false
        var clientWrites = 0
        var clientBytes = 0
        var descriptors: [Int32] = []
    }

    let directory: String
    private let listener: Int32
    private let target: String?
    private let state = Mutex(State())

    var url: String { "host=\(directory) port=5432 dbname=postgres user=postgres" }
    /// How many connections were accepted.
    var connectionCount: Int { state.withLock { $0.descriptors.count } }
    /// How many times something arrived from the client; several of its writes may arrive as one.
    var clientWrites: Int { state.withLock { $0.clientWrites } }

    /// - Parameter target: the directory of the server's socket; `nil` for a server that never answers.
    init(forwardingTo target: String?) throws {
        self.target = target
        directory = FileManager.default.temporaryDirectory.path + "/waymark-px-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let bound = Self.withAddress(directory + "/.s.PGSQL.5432") { bind(listener, $0, $1) }
        guard bound == 0, listen(listener, 64) == 0 else { throw SocketFailure() }
        Thread.detachNewThread { self.acceptAll() }
    }

    func setFault(_ fault: Fault) {
        state.withLock { state in
            state.fault = fault
            state.isCutting = false
        }
    }

    func stop() {
        let descriptors = state.withLock { state in
            state.isStopped = true
            return state.descriptors
        }
        _ = shutdown(listener, Int32(SHUT_RDWR))
        for descriptor in descriptors { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }
        try? FileManager.default.removeItem(atPath: directory)
    }

    private func acceptAll() {
        while true {
            let client = accept(listener, nil, nil)
            guard client >= 0 else { break }
            state.withLock { $0.descriptors.append(client) }
            guard let target else { continue }
            let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            guard Self.withAddress(target + "/.s.PGSQL.5432", { connect(server, $0, $1) }) == 0 else {
                shutdown(client, Int32(SHUT_RDWR))
                continue
            }
            Thread.detachNewThread { self.pumpFromClient(client, to: server) }
            Thread.detachNewThread { self.pumpFromServer(server, to: client) }
        }
        close(listener)
    }

    private func pumpFromClient(_ client: Int32, to server: Int32) {
        defer { shutdown(server, Int32(SHUT_WR)) }
        while let bytes = Self.receive(client) {
            let fault = state.withLock { state in
                state.clientWrites += 1
                state.clientBytes += bytes.count
                guard bytes.firstRange(of: Array("COMMIT\0".utf8)) != nil else { return Fault.none }
                state.isCutting = state.fault == .swallowAnswerToCommit
                return state.fault
            }
            if fault == .cutBeforeCommit {
                shutdown(client, Int32(SHUT_RDWR))
                return
            }
            guard Self.send(bytes, to: server) else { return }
        }
    }

    private func pumpFromServer(_ server: Int32, to client: Int32) {
        defer { shutdown(client, Int32(SHUT_RDWR)) }
        while let bytes = Self.receive(server) {
            if state.withLock({ $0.isCutting }) { return }
            guard Self.send(bytes, to: client) else { return }
        }
    }

    private static func receive(_ descriptor: Int32) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = read(descriptor, &buffer, buffer.count)
        return count > 0 ? Array(buffer[..<count]) : nil
    }

    private static func send(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var offset = 0
        while offset < bytes.count {
            let count = bytes[offset...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return false }
            offset += count
        }
        return true
    }

    private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
