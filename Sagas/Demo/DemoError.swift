/// Why the demo could not be given, in a sentence for whoever started it.
struct DemoError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
