//! Whether a chain ([`muster_chain`]) will run on another system: each need is answered from the metadata of its
//! repositories and the facts of its image, and the answers are summed up as a verdict, edits of the chain's files and a
//! suite. Pure: who reads metadata and machines is above.
