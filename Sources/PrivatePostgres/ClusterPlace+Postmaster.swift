import Foundation

extension ClusterPlace {
    /// The process that `postmaster.pid` names, if it is alive and a PostgreSQL server.
    var livePostmaster: Int32? {
        guard let pid = recordedPostmaster, Self.isServer(pid) else { return nil }
        return pid
    }

    /// The process that `postmaster.pid` names, dead or alive.
    private var recordedPostmaster: Int32? {
        guard let text = try? String(contentsOfFile: postmasterFile, encoding: .utf8) else { return nil }
        // A standalone backend writes its number negated.
        return text.split(separator: "\n").first.flatMap { Int32($0) }.map(abs)
    }

    /// Removes the files that a killed server left behind. PostgreSQL would mistake a zombie, or another process that was
    /// given the same number, for its predecessor, and refuse to start.
    func removeStaleServerFiles() {
        guard livePostmaster == nil else { return }
        unlink(postmasterFile)
        unlink(socketDirectory + "/.s.PGSQL.\(Self.port).lock")
    }

    /// Whether `pid` runs, has not merely not been reaped, and looks like a server.
    private static func isServer(_ pid: Int32) -> Bool {
        guard pid > 0, kill(pid, 0) == 0 || errno == EPERM else { return false }
        #if os(Linux)
        // "pid (name) state …"; the name may hold anything, so look for its last parenthesis.
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")")
        else { return false }
        let name = text[text.index(after: open)..<close]
        let state = text[close...].dropFirst(2).first
        return (name.hasPrefix("postgres") || name.hasPrefix("postmaster")) && state != "Z" && state != "X"
        #else
        return true
        #endif
    }

    /// Where the server's log ends now, in bytes.
    var logEnd: UInt64 {
        let size = try? FileManager.default.attributesOfItem(atPath: logFile)[.size] as? NSNumber
        return size?.uint64Value ?? 0
    }

    /// The last lines of the server's log after the byte `start`.
    func logTail(from start: UInt64) -> String {
        let mostBytes: UInt64 = 4_096
        guard let handle = FileHandle(forReadingAtPath: logFile) else { return "" }
        defer { try? handle.close() }
        let end = logEnd
        try? handle.seek(toOffset: max(start, end > mostBytes ? end - mostBytes : 0))
        let bytes = (try? handle.readToEnd()) ?? Data()
        return String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
