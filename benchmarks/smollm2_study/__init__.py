"""A real, small language model in the place of the demo's tiny ones: curation, V2Xum and LLMVS over SmolLM2-135M."""
