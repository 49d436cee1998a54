import Foundation
import Synchronization

/// Why the ledger cannot be kept.
struct LedgerError: Error, CustomStringConvertible {
    let description: String

    static func system(_ doing: String) -> LedgerError {
        LedgerError(description: "cannot \(doing): \(String(cString: strerror(errno)))")
    }
}

/// An append-only file of JSON lines. A line counts once it is on disk; lines that come at the same time share one
/// write and one sync.
final class LedgerFile: Sendable {
    private struct Pending {
        var lines: [(data: Data, continuation: CheckedContinuation<Void, any Error>)] = []
        var isWriting = false
        /// After a failed write nobody knows what the file's end looks like, so nothing is added any more.
        var failure: LedgerError?
    }

    private let descriptor: Int32
    private let pending = Mutex(Pending())
    /// Where disk waits: neither on an event loop nor on a thread of the tasks.
    private let disk = DispatchQueue(label: "sandbox.ledger")

    private init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Opens or makes the file, for this process alone, and reads it back. A last line that was not written to its end
    /// is cut off: nobody was told of it.
    ///
    /// - Parameter path: The file; a folder (one that is there, or with a slash at its end) stands for the
    ///   `ledger.jsonl` in it.
    static func open(_ path: String) throws -> (LedgerFile, [LedgerRecord]) {
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        let inFolder = path.hasSuffix("/") || (exists && isFolder.boolValue)
        let url = URL(fileURLWithPath: inFolder ? path + "/ledger.jsonl" : path).standardizedFileURL
        let folder = url.deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let descriptor = Foundation.open(url.path, O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND, 0o600)
        guard descriptor >= 0 else { throw LedgerError.system("open \(url.path)") }
        let file = LedgerFile(descriptor: descriptor)
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw LedgerError(description: "another process keeps its ledger in \(url.path)")
        }
        try syncFolder(folder.path)
        let content = try Data(contentsOf: url)
        let (records, length) = try read(content)
        if length < content.count {
            guard ftruncate(descriptor, off_t(length)) == 0, fsync(descriptor) == 0 else {
                throw LedgerError.system("cut a torn line off \(url.path)")
            }
        }
        return (file, records)
    }

    /// Reads whole lines.
    ///
    /// - Returns: The records, and the length of the lines they were read from.
    static func read(_ content: Data) throws -> ([LedgerRecord], Int) {
        let decoder = JSONDecoder()
        var records: [LedgerRecord] = []
        var start = content.startIndex
        while let end = content[start...].firstIndex(of: UInt8(ascii: "\n")) {
            do {
                records.append(try decoder.decode(LedgerRecord.self, from: content[start..<end]))
            } catch {
                // Garbage at the very end is what a crash leaves; with lines behind it, it is something else.
                guard content.index(after: end) == content.endIndex else {
                    throw LedgerError(description: "line \(records.count + 1) of the ledger cannot be read")
                }
                break
            }
            start = content.index(after: end)
        }
        return (records, start - content.startIndex)
    }

    /// Adds a record and returns when it is on disk.
    func append(_ record: LedgerRecord) async throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let line = try encoder.encode(record) + Data("\n".utf8)
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            let mustStart = pending.withLock { pending in
                pending.lines.append((line, continuation))
                defer { pending.isWriting = true }
                return !pending.isWriting
            }
            if mustStart { disk.async { self.writePending() } }
        }
    }

    /// Writes what has come in, batch by batch, until nothing has.
    private func writePending() {
        while true {
            let (lines, failure) = pending.withLock { pending in
                defer { pending.lines = [] }
                pending.isWriting = !pending.lines.isEmpty
                return (pending.lines, pending.failure)
            }
            if lines.isEmpty { return }
            do {
                if let failure { throw failure }
                try write(lines.reduce(into: Data()) { $0 += $1.data })
                for line in lines { line.continuation.resume() }
            } catch {
                let failure = error as? LedgerError ?? LedgerError(description: "\(error)")
                pending.withLock { $0.failure = failure }
                for line in lines { line.continuation.resume(throwing: failure) }
            }
        }
    }

    private func write(_ data: Data) throws {
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
        try handle.write(contentsOf: data)
        #if os(Linux)
        guard fdatasync(descriptor) == 0 else { throw LedgerError.system("sync the ledger") }
        #else
        guard fcntl(descriptor, F_FULLFSYNC) == 0 else { throw LedgerError.system("sync the ledger") }
        #endif
    }

    /// A new file is not there for good before its folder has been synced.
    private static func syncFolder(_ path: String) throws {
        let folder = Foundation.open(path, O_RDONLY | O_CLOEXEC)
        guard folder >= 0 else { throw LedgerError.system("open \(path)") }
        defer { close(folder) }
        guard fsync(folder) == 0 else { throw LedgerError.system("sync \(path)") }
    }
}
