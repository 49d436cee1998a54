import Foundation

/// The Swift compiler, told where the modules of this very build are.
struct Compiler {
    struct Result {
        let succeeded: Bool
        let diagnostics: String
        let seconds: Double
    }

    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    private static let fixtures = Bundle.module.bundleURL.appending(path: "Fixtures")
    private let program: URL
    private let modules: URL

    /// - Throws: `Missing` when there is no compiler, or the build laid out its products in an unknown way.
    init() throws {
        guard let program = Self.candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0.path) })
        else {
            throw Missing(description: "no swiftc beside the running toolchain or in PATH")
        }
        self.program = program
        // This target's resources lie where the build puts its products, and so do the modules.
        let products = Bundle.module.bundleURL.deletingLastPathComponent()
        let found = [products.appending(path: "Modules"), products].first {
            FileManager.default.fileExists(atPath: $0.appending(path: "Waymark.swiftmodule").path)
        }
        guard let found else { throw Missing(description: "no Waymark.swiftmodule near \(products.path)") }
        modules = found
    }

    /// Type-checks the fixture of this name.
    func typeCheck(fixture name: String) throws -> Result {
        try typeCheck(Self.fixtures.appending(path: "\(name).swift"))
    }

    /// Type-checks a source file that imports Waymark.
    private func typeCheck(_ source: URL) throws -> Result {
        let process = Process()
        process.executableURL = program
        process.arguments = [
            "-typecheck", "-swift-version", "6", "-I", modules.path, "-I", Self.fixtures.appending(path: "CLibPQ").path,
            "-module-cache-path", modules.deletingLastPathComponent().appending(path: "ModuleCache").path,
            source.path,
        ]
        let pipe = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = pipe
        let start = ContinuousClock.now
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return Result(
            succeeded: process.terminationReason == .exit && process.terminationStatus == 0,
            diagnostics: String(decoding: output, as: UTF8.self),
            seconds: (ContinuousClock.now - start) / .seconds(1)
        )
    }

    /// Type-checks a text, as a file of its own.
    func typeCheck(text: String) throws -> Result {
        let file = FileManager.default.temporaryDirectory.appending(path: "waymark-\(UUID().uuidString).swift")
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try typeCheck(file)
    }

    /// The compiler of the toolchain that runs us first: another version could not read its modules.
    private static var candidates: [URL] {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let inPath = path.split(separator: ":").map { URL(filePath: String($0)).appending(path: "swiftc") }
        return (toolchainPrograms.map { [$0.appending(path: "swiftc")] } ?? []) + inPath
    }

    /// The `bin` folder of the toolchain whose standard library this process has loaded; nil where the system does not say.
    private static var toolchainPrograms: URL? {
        guard let maps = try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8),
            let line = maps.split(separator: "\n").first(where: { $0.hasSuffix("/libswiftCore.so") }),
            let slash = line.firstIndex(of: "/")
        else { return nil }
        // <toolchain>/usr/lib/swift/linux/libswiftCore.so
        return (0..<4).reduce(URL(filePath: String(line[slash...]))) { url, _ in url.deletingLastPathComponent() }
            .appending(path: "bin")
    }
}
