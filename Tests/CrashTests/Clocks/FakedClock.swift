import Foundation
import WaymarkTesting

/// A process's clock that is off, by libfaketime: the process asks the library for the time instead of the kernel.
struct FakedClock: Sendable {
    private let variables: [String: String]
    /// What the names of the library's semaphores and shared memory begin with.
    private let name = "waymark-clock-\(UUID().uuidString)"

    /// What one process gets in its environment; another one gets another.
    ///
    /// Left to itself the library names its shared memory by `setenv` as it is loaded, and then a Swift program sees no
    /// arguments (libfaketime 0.9.10, Swift 6.3); with the names given there is nothing to set. Names of its own for each
    /// process, for one that is killed may hold the semaphore.
    var settings: [String: String] {
        let own = "/\(name)-\(UUID().uuidString)"
        return variables.merging(["FAKETIME_SHARED": "\(own)-sem \(own)-shm"]) { given, _ in given }
    }

    /// Removes what killed processes left behind.
    func remove() {
        let folder = "/dev/shm"
        for file in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where file.contains(name) {
            try? FileManager.default.removeItem(atPath: "\(folder)/\(file)")
        }
    }

    /// A wall clock that is `seconds` ahead; the monotonic one, which timers use, is the kernel's.
    static func ahead(_ seconds: Int) throws -> FakedClock {
        try FakedClock(["FAKETIME": offset(seconds), "FAKETIME_DONT_FAKE_MONOTONIC": "1"])
    }

    /// A wall clock that follows what is written to `file`, see `set`.
    static func following(_ file: URL) throws -> FakedClock {
        try FakedClock([
            "FAKETIME_TIMESTAMP_FILE": file.path, "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        ])
    }

    /// Has the clocks that follow `file` jump to `seconds` ahead. As a whole: a reader must not find it empty.
    static func set(_ file: URL, ahead seconds: Int) throws {
        try Data(offset(seconds).utf8).write(to: file, options: .atomic)
    }

    private init(_ settings: [String: String]) throws {
        // Timers first: see there.
        let libraries = [try TestProcess.path(of: "libRealTimers.so"), try Self.library]
        variables = settings.merging(["LD_PRELOAD": libraries.joined(separator: ":")]) { given, _ in given }
    }

    private static func offset(_ seconds: Int) -> String { seconds < 0 ? "\(seconds)s" : "+\(seconds)s" }

    /// The library for programs with threads, where Debian, Fedora and a build of one's own put it.
    private static var library: String {
        get throws {
            var folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/local/lib"]
            folders = folders.map { "\($0)/faketime/libfaketimeMT.so.1" }
            guard let found = folders.first(where: FileManager.default.fileExists) else {
                throw ConditionNotMet(description: "libfaketime is missing (scripts/setup installs it): \(folders)")
            }
            return found
        }
    }
}
