/// Chains steps: each step's output must be the next one's input, which the compiler checks.
@resultBuilder
public enum StepBuilder {
    public static func buildPartialBlock<First: Step>(first: First) -> First {
        first
    }

    public static func buildPartialBlock<Head: Step, Next: Step>(
        accumulated: Head, next: Next
    ) -> Chain<Head, Next> where Head.Output == Next.Input {
        Chain(head: accumulated, next: next)
    }
}

/// Two steps, one after the other.
public struct Chain<Head: Step, Next: Step>: Step where Head.Output == Next.Input {
    let head: Head
    let next: Next

    public func declare(into steps: inout StepList) {
        head.declare(into: &steps)
        next.declare(into: &steps)
    }

    public typealias Input = Head.Input
    public typealias Output = Next.Output
}
