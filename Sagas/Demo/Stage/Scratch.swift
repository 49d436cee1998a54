import Foundation

/// A fresh folder for everything that one run writes: two runs never meet.
struct Scratch: Sendable {
    let path: String

    /// - Throws: `DemoError` when it cannot be made.
    init() throws {
        let parent = NSTemporaryDirectory()
        var template = Array(
            (parent.hasSuffix("/") ? "\(parent)waymark-demo-XXXXXX" : "\(parent)/waymark-demo-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else {
            throw DemoError("No folder can be made in \(parent): \(String(cString: strerror(errno))).")
        }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The path of a file in it.
    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Removes it, as far as it goes: what is left in a temporary folder does no harm.
    func remove() { try? FileManager.default.removeItem(atPath: path) }
}
